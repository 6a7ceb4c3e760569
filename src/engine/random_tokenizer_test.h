// A tokenizer with random weights for tests, as a model folder holds it.
#pragma once

#include <map>

#include "base/random.h"
#include "engine/image_decoder.h"
#include "models/model_config.h"

namespace tessera {

struct NamedTensor {
  TensorShape shape;
  std::vector<float> values;
};

/// Hands out random weights and keeps them.
class RecordedWeights : public ModelWeights {
 public:
  explicit RecordedWeights(std::uint64_t seed) : random_(seed) {}
  WeightTensor at(const std::string& name, const TensorShape& shape) const override {
    const auto tensor = random_.at(name, shape);
    tensors_[name] = {shape, tensor.copy()};
    return tensor;
  }
  const std::map<std::string, NamedTensor>& tensors() const { return tensors_; }

 private:
  RandomWeights random_;
  mutable std::map<std::string, NamedTensor> tensors_;
};

/// Every tensor that the decoder of such a tokenizer has.
inline std::map<std::string, NamedTensor> random_decoder(const TokenizerConfig& config,
                                                         std::uint64_t seed) {
  const RecordedWeights weights(seed);
  ThreadPool pool(1);
  const ImageDecoder decoder(config, 1, weights, {}, pool);
  return weights.tensors();
}

inline void write_tokenizer(const fs::path& folder, const TokenizerConfig& config, int grid,
                            const std::map<std::string, NamedTensor>& tensors) {
  fs::create_directories(folder);
  ModelConfig model;
  model.kind = "tokenizer";
  model.data = "random";
  model.made_by = nlohmann::json::object();
  model.recipe.tokenizer = config;
  model.recipe.data.image_size = grid * config.downsampling();
  write_model_config(folder, model);
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors)
    views.push_back({name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  write_safetensors(folder / "model.safetensors", views, {{"format", kModelFormat}});
}

/// Codes of one image, each of the codebook about equally often.
inline std::vector<std::int32_t> random_codes(const TokenizerConfig& config, int rows, int columns,
                                              std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> codes(MapShape{rows, columns, 1}.size());
  for (auto& code : codes)
    code = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.codebook_size)));
  return codes;
}

inline std::vector<float> decode(ImageDecoder& decoder, const std::vector<std::int32_t>& codes,
                                 int rows, int columns) {
  const int side = decoder.pixels_per_token();
  std::vector<float> pixels(MapShape{rows * side, columns * side, 3}.size());
  decoder.decode(codes, rows, columns, pixels);
  return pixels;
}

/// dB, where pixels reach from -1 to 1.
inline double psnr(const std::vector<float>& found, const auto& expected) {
  double squares = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = static_cast<double>(found[i]) - static_cast<double>(expected[i]);
    squares += error * error;
  }
  return 10 * std::log10(4 * static_cast<double>(found.size()) / squares);
}

}  // namespace tessera
