#include "generator/generator.h"

#include "base/error.h"
#include "training/device.h"

namespace tessera {
Generator::Generator(ModelConfig config, std::string hash, std::string tokenizer_hash,
                     Transformer model, const torch::Device& device)
    : config_(std::move(config)),
      hash_(std::move(hash)),
      tokenizer_hash_(std::move(tokenizer_hash)),
      model_(std::move(model)),
      device_(device),
      bf16_(uses_bf16(config_.recipe.generator_training.precision, device)) {}

Generator Generator::load(const fs::path& folder, const torch::Device& device) {
  auto config = read_model_config(folder, "generator");
  const auto shape = shape_of(config, folder);
  const auto tokenizer = tokenizer_hash_of(config, folder);
  const auto weights = open_model_weights(folder);
  check_parameters(weights, count_parameters(config.recipe.generator, shape));
  Transformer model(config.recipe.generator, shape);
  load_tensors(*model, read_tensors(weights), weights.path().string());
  model->to(device);
  model->eval();
  return {std::move(config), model_hash(folder), tokenizer, model, device};
}

void Generator::require_tokenizer(const std::string& hash, const fs::path& path) const {
  require_same_tokenizer(hash, tokenizer_hash_, path);
}

}  // namespace tessera
