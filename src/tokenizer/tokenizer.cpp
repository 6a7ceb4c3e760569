#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "training/device.h"

namespace tessera {

Tokenizer Tokenizer::load(const fs::path& folder, const torch::Device& device) {
  auto config = read_model_config(folder, "tokenizer");
  const auto weights = open_model_weights(folder);
  VqModel model(config.recipe.tokenizer);
  load_tensors(*model, read_tensors(weights), weights.path().string());
  model->to(device);
  model->eval();
  return {std::move(config), model_hash(folder), model};
}

torch::Tensor Tokenizer::encode(const torch::Tensor& images) {
  torch::NoGradGuard no_grad;
  const Autocast autocast(uses_bf16(config_.recipe.tokenizer_training.precision, images.device()),
                          images.device());
  return model_->encode(images).codes;
}

torch::Tensor Tokenizer::decode(const torch::Tensor& codes) {
  const auto side = static_cast<int>(std::llround(std::sqrt(static_cast<double>(codes.size(1)))));
  if (std::int64_t{side} * side != codes.size(1))
    throw Error("an image has " + std::to_string(codes.size(1)) +
                " tokens, expected a square grid");
  return decode(codes, side, side);
}

torch::Tensor Tokenizer::decode(const torch::Tensor& codes, int rows, int columns) {
  torch::NoGradGuard no_grad;
  const Autocast autocast(uses_bf16(config_.recipe.tokenizer_training.precision, codes.device()),
                          codes.device());
  return model_->decode_codes(codes, rows, columns);
}

DataConfig Tokenizer::data_config(int image_size) const {
  auto config = config_.recipe.data;
  if (image_size == 0) return config;
  const int unit = config_.recipe.tokenizer.downsampling();
  if (image_size < 4 || image_size > 4096)
    throw UsageError("--image-size is " + std::to_string(image_size) +
                     ", expected 4 to 4096 pixels");
  config.image_size = image_size;
  config.validate();
  if (image_size % unit != 0)
    throw UsageError("--image-size is " + std::to_string(image_size) + ", expected a multiple of " +
                     std::to_string(unit) + ", by which the tokenizer halves images to tokens");
  return config;
}

int Tokenizer::batch_at(std::int64_t pixels) {
  constexpr std::int64_t kMost = 100, kPixels = kMost * 64 * 64;
  return static_cast<int>(
      std::clamp<std::int64_t>(kPixels / std::max<std::int64_t>(pixels, 1), 1, kMost));
}

}  // namespace tessera
