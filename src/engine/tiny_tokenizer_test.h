// A tokenizer of random weights as a model folder holds it, as far as its decoder goes: for tests
// that open one from outside the engine.
#pragma once

#include <cmath>
#include <map>

#include "base/testing.h"
#include "models/model_config.h"

namespace tessera {

struct TinyTokenizer {
  static constexpr int kWidth = 32;  // the least: group norm has 32 groups
  TokenizerConfig config{.channels = kWidth,
                         .multipliers = {1, 1},
                         .encoder_blocks = 1,
                         .decoder_blocks = 1,
                         .latent_channels = kWidth,
                         .codebook_size = 70,
                         .code_size = 4};
  std::map<std::string, std::vector<float>> weights;
  std::map<std::string, std::vector<std::int64_t>> shapes;

  TinyTokenizer() {
    add("quantize.embedding.weight", {config.codebook_size, config.code_size});
    convolution("post_quant_conv", config.code_size, kWidth, 1);
    convolution("decoder.conv_in", kWidth, kWidth, 3);
    residual_block("decoder.mid.0");
    attention_block("decoder.mid.1");
    residual_block("decoder.mid.2");
    residual_block("decoder.conv_blocks.0.res.0");
    attention_block("decoder.conv_blocks.0.attn.0");
    convolution("decoder.conv_blocks.0.upsample.conv", kWidth, kWidth, 3);
    residual_block("decoder.conv_blocks.1.res.0");
    norm("decoder.norm_out");
    convolution("decoder.conv_out", kWidth, 3, 3);
  }
  int pixels_per_token() const { return config.downsampling(); }

  void write(const fs::path& folder) const {
    ModelConfig model;
    model.kind = "tokenizer";
    model.recipe.tokenizer = config;
    model.recipe.data.image_size = 4 * pixels_per_token();
    model.made_by = {{"test", true}};
    write_model_config(folder, model);
    std::vector<TensorView> views;
    for (const auto& [name, values] : weights)
      views.push_back({name, DType::F32, shapes.at(name), std::as_bytes(std::span(values))});
    write_safetensors(folder / "model.safetensors", views, {{"format", kModelFormat}});
  }

 private:
  void residual_block(const std::string& name) {
    for (const char* part : {"1", "2"}) {
      norm(name + ".norm" + part);
      convolution(name + ".conv" + part, kWidth, kWidth, 3);
    }
  }
  void attention_block(const std::string& name) {
    norm(name + ".norm");
    for (const char* part : {".q", ".k", ".v", ".proj_out"})
      convolution(name + part, kWidth, kWidth, 1);
  }
  void convolution(const std::string& name, int inputs, int outputs, int side) {
    add(name + ".weight", {outputs, inputs, side, side});
    add(name + ".bias", {outputs});
  }
  void norm(const std::string& name) {
    add(name + ".weight", {kWidth});
    add(name + ".bias", {kWidth});
  }
  void add(const std::string& name, const std::vector<std::int64_t>& sides) {
    std::int64_t count = 1;
    for (const auto side : sides) count *= side;
    // Of the size that keeps activations near one.
    const double inputs = static_cast<double>(count / sides[0]), scale = 1.7 / std::sqrt(inputs);
    shapes[name] = sides;
    for (std::int64_t i = 0; i < count; ++i)
      weights[name].push_back(static_cast<float>(scale * (2 * rng_.uniform() - 1)));
  }

  Rng rng_{7};
};

}  // namespace tessera
