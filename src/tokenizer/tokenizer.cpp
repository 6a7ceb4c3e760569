#include "tokenizer/tokenizer.h"

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
  torch::NoGradGuard no_grad;
  const auto side = std::llround(std::sqrt(static_cast<double>(codes.size(1))));
  if (side * side != codes.size(1))
    throw Error("an image has " + std::to_string(codes.size(1)) +
                " tokens, expected a square grid");
  const Autocast autocast(uses_bf16(config_.recipe.tokenizer_training.precision, codes.device()),
                          codes.device());
  return model_->decode_codes(codes, static_cast<int>(side), static_cast<int>(side));
}

}  // namespace tessera
