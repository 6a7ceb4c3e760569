#include "import/vq_layout.h"

#include "base/error.h"

namespace tessera {
namespace {

std::string level_name(const std::string& side, int level) {
  return side + ".conv_blocks." + std::to_string(level);
}

// Collects the tensors of each kind of layer.
class Layout {
 public:
  Shapes take() { return std::move(shapes_); }

  void conv(const std::string& name, int outputs, int inputs, int kernel) {
    shapes_[name + ".weight"] = {outputs, inputs, kernel, kernel};
    shapes_[name + ".bias"] = {outputs};
  }
  void norm(const std::string& name, int channels) {
    shapes_[name + ".weight"] = shapes_[name + ".bias"] = {channels};
  }
  void residual(const std::string& name, int inputs, int outputs) {
    norm(name + ".norm1", inputs);
    conv(name + ".conv1", outputs, inputs, 3);
    norm(name + ".norm2", outputs);
    conv(name + ".conv2", outputs, outputs, 3);
    if (inputs != outputs) conv(name + ".nin_shortcut", outputs, inputs, 1);
  }
  void attention(const std::string& name, int channels) {
    norm(name + ".norm", channels);
    for (const char* part : {".q", ".k", ".v", ".proj_out"})
      conv(name + part, channels, channels, 1);
  }
  void level(const std::string& name, int inputs, int outputs, int blocks, bool lowest) {
    for (int block = 0; block < blocks; ++block) {
      const auto number = std::to_string(block);
      residual(name + ".res." + number, block == 0 ? inputs : outputs, outputs);
      if (lowest) attention(name + ".attn." + number, outputs);
    }
  }
  void middle(const std::string& side, int channels) {
    residual(side + ".mid.0", channels, channels);
    attention(side + ".mid.1", channels);
    residual(side + ".mid.2", channels, channels);
  }
  void table(const std::string& name, int rows, int columns) { shapes_[name] = {rows, columns}; }

 private:
  Shapes shapes_;
};

void add_encoder(Layout& layout, const TokenizerConfig& config) {
  const int levels = static_cast<int>(config.multipliers.size());
  int channels = config.channels;
  layout.conv("encoder.conv_in", channels, 3, 3);
  for (int level = 0; level < levels; ++level) {
    const auto name = level_name("encoder", level);
    const int wider = config.channels * config.multipliers[static_cast<std::size_t>(level)];
    layout.level(name, channels, wider, config.encoder_blocks, level + 1 == levels);
    channels = wider;
    if (level + 1 < levels) layout.conv(name + ".downsample.conv", channels, channels, 3);
  }
  layout.middle("encoder", channels);
  layout.norm("encoder.norm_out", channels);
  layout.conv("encoder.conv_out", config.latent_channels, channels, 3);
}

void add_decoder(Layout& layout, const TokenizerConfig& config) {
  const int levels = static_cast<int>(config.multipliers.size());
  int channels = config.decoder_width() * config.multipliers.back();
  layout.conv("decoder.conv_in", channels, config.latent_channels, 3);
  layout.middle("decoder", channels);
  for (int level = 0; level < levels; ++level) {  // from the lowest resolution
    const auto name = level_name("decoder", level);
    const int narrower =
        config.decoder_width() * config.multipliers[static_cast<std::size_t>(levels - 1 - level)];
    layout.level(name, channels, narrower, config.decoder_blocks, level == 0);
    channels = narrower;
    if (level + 1 < levels) layout.conv(name + ".upsample.conv", channels, channels, 3);
  }
  layout.norm("decoder.norm_out", channels);
  layout.conv("decoder.conv_out", 3, channels, 3);
}

// `width` in units of `unit`, which it must be a multiple of.
int multiple_of(const ForeignWeights& weights, const std::string& name, int width, int unit) {
  if (width % unit != 0)
    weights.refuse(name, "has a width of " + std::to_string(width) + ", expected a multiple of " +
                             std::to_string(unit));
  return width / unit;
}

std::string first_conv(const std::string& side, int level, int block) {
  return level_name(side, level) + ".res." + std::to_string(block) + ".conv1.weight";
}

}  // namespace

Shapes vq_shapes(const TokenizerConfig& config) {
  Layout layout;
  add_encoder(layout, config);
  add_decoder(layout, config);
  layout.table("quantize.embedding.weight", config.codebook_size, config.code_size);
  layout.conv("quant_conv", config.code_size, config.latent_channels, 1);
  layout.conv("post_quant_conv", config.latent_channels, config.code_size, 1);
  return layout.take();
}

TokenizerConfig vq_config_of(const ForeignWeights& weights) {
  if (weights.has("quantize.embed.weight"))
    weights.refuse("quantize.embed.weight",
                   "is a Gumbel or EMA quantizer's; only nearest-code ones are read");
  TokenizerConfig config;
  config.channels = weights.side("encoder.conv_in.weight", 4, 0);
  const int levels = weights.count([](int level) { return first_conv("encoder", level, 0); });
  if (levels == 0) weights.refuse(first_conv("encoder", 0, 0), "is missing");
  config.multipliers.clear();
  for (int level = 0; level < levels; ++level) {
    const auto name = first_conv("encoder", level, 0);
    config.multipliers.push_back(
        multiple_of(weights, name, weights.side(name, 4, 0), config.channels));
  }
  const auto blocks = [&](const std::string& side) {
    return weights.count([&](int block) { return first_conv(side, 0, block); });
  };
  config.encoder_blocks = blocks("encoder");
  config.decoder_blocks = blocks("decoder");
  config.latent_channels = weights.side("encoder.conv_out.weight", 4, 0);
  config.codebook_size = weights.side("quantize.embedding.weight", 2, 0);
  config.code_size = weights.side("quantize.embedding.weight", 2, 1);
  const int width =
      multiple_of(weights, "decoder.conv_out.weight", weights.side("decoder.conv_out.weight", 4, 1),
                  config.multipliers.front());
  config.decoder_channels = width == config.channels ? 0 : width;
  return config;
}

std::string taming_name(const std::string& name, int levels) {
  std::string result;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    auto part = name.substr(begin, end - begin);
    const bool decoder = result.starts_with("decoder.");
    if (part == "conv_blocks")
      part = decoder ? "up" : "down";
    else if (part == "res")
      part = "block";
    else if (result == "decoder.up.")
      part = std::to_string(levels - 1 - std::stoi(part));
    else if (result.ends_with(".mid."))
      part = part == "0" ? "block_1" : part == "1" ? "attn_1" : "block_2";
    result += part;
    if (end == name.size()) break;
    result += ".";
    begin = end + 1;
  }
  return result;
}

}  // namespace tessera
