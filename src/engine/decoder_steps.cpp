#include "engine/decoder_steps.h"

#include <array>
#include <utility>

#include "engine/convolution_layer.h"
#include "engine/grid_attention.h"
#include "engine/upsampling.h"

namespace tessera {
namespace {

class StepBuilder {
 public:
  StepBuilder(const ModelWeights& weights, ActivationType type) : weights_(weights), type_(type) {}

  void stem(int inputs, int outputs) {
    convolution({kLatents, x_}, parameters("conv_in", inputs, outputs, 3), {}, {type_});
  }
  void residual_block(const std::string& name, int inputs, int outputs) {
    convolution({x_, h_}, parameters(name + ".conv1", inputs, outputs, 3),
                norm(name + ".norm1", inputs, true), {type_});
    if (inputs != outputs) {
      convolution({x_, y_}, parameters(name + ".nin_shortcut", inputs, outputs, 1), {},
                  {.type = type_, .measure = false});
      std::swap(x_, y_);
    }
    convolution({h_, x_}, parameters(name + ".conv2", outputs, outputs, 3),
                norm(name + ".norm2", outputs, true), {.type = type_, .accumulate = true});
  }
  void attention_block(const std::string& name, int channels) {
    const auto part = kPrefix + name;
    convolution({x_, h_},
                {weights_, {part + ".q", part + ".k", part + ".v"}, channels, channels, 1},
                norm(name + ".norm", channels, false), {.type = type_, .measure = false});
    steps_.push_back({std::make_unique<GridAttention>(channels, type_), h_, y_});
    convolution({y_, x_}, parameters(name + ".proj_out", channels, channels, 1), {},
                {.type = type_, .accumulate = true});
  }
  void upsampling(const std::string& name, int channels) {
    auto weights = parameters(name + ".conv", channels, channels, 3);
    steps_.push_back({std::make_unique<Upsampling>(std::move(weights), type_), x_, y_});
    std::swap(x_, y_);
  }
  void pixels(int channels) {
    convolution({x_, kPixels}, parameters("conv_out", channels, 3, 3),
                norm("norm_out", channels, true),
                {.type = type_, .measure = false, .float_output = true});
  }
  std::vector<DecoderStep> take() { return std::move(steps_); }

 private:
  inline static const std::string kPrefix = "decoder.";

  ConvolutionWeights parameters(const std::string& name, int inputs, int outputs, int kernel) {
    return {weights_, {kPrefix + name}, inputs, outputs, kernel};
  }
  MapNorm norm(const std::string& name, int channels, bool silu) {
    return {weights_, kPrefix + name, channels, silu};
  }
  void convolution(std::pair<int, int> buffers, ConvolutionWeights parameters,
                   std::optional<MapNorm> norm, ConvolutionLayerOptions options) {
    steps_.push_back(
        {std::make_unique<ConvolutionLayer>(std::move(parameters), std::move(norm), options),
         buffers.first, buffers.second});
  }

  const ModelWeights& weights_;
  ActivationType type_;
  std::vector<DecoderStep> steps_;
  int x_ = 0, h_ = 1, y_ = 2;  // the buffers: the main path's map, and two that are free
};

}  // namespace

std::vector<DecoderStep> decoder_steps(const ModelWeights& weights, const TokenizerConfig& config,
                                       ActivationType type) {
  StepBuilder build(weights, type);
  const int width = config.decoder_width();
  int channels = width * config.multipliers.back();
  build.stem(config.latent_channels, channels);
  build.residual_block("mid.0", channels, channels);
  build.attention_block("mid.1", channels);
  build.residual_block("mid.2", channels, channels);
  for (std::size_t level = 0; level < config.multipliers.size(); ++level) {
    const auto name = "conv_blocks." + std::to_string(level);
    const int outputs = width * config.multipliers[config.multipliers.size() - 1 - level];
    for (int block = 0; block < config.decoder_blocks; ++block) {
      const auto number = std::to_string(block);
      build.residual_block(name + ".res." + number, channels, outputs);
      channels = outputs;
      if (level == 0) build.attention_block(name + ".attn." + number, channels);
    }
    if (level + 1 < config.multipliers.size()) build.upsampling(name + ".upsample", channels);
  }
  build.pixels(channels);
  return build.take();
}

}  // namespace tessera
