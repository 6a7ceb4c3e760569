#pragma once

#include "generator/model.h"
#include "models/generator_folder.h"
#include "training/model_folder.h"

namespace tessera {

/// A trained generator, ready to use: loaded from its model folder, in evaluation mode.
class Generator {
 public:
  /// Throws FileError when the folder is not a generator or a tensor is missing, unknown or
  /// misshapen.
  static Generator load(const fs::path& folder, const torch::Device& device);

  Transformer& model() { return model_; }
  const ModelConfig& config() const { return config_; }
  const GeneratorShape& shape() const { return model_->shape(); }
  const std::string& hash() const { return hash_; }  ///< SHA-256 of model.safetensors
  /// SHA-256 of the tokenizer whose tokens it has learnt.
  const std::string& tokenizer_hash() const { return tokenizer_hash_; }
  const torch::Device& device() const { return device_; }
  /// Whether matrix products run in bf16: the recipe's precision on this device.
  bool bf16() const { return bf16_; }

  /// Throws FileError about `path` unless `hash` is the generator's tokenizer.
  void require_tokenizer(const std::string& hash, const fs::path& path) const;

 private:
  Generator(ModelConfig config, std::string hash, std::string tokenizer_hash, Transformer model,
            const torch::Device& device);

  ModelConfig config_;
  std::string hash_, tokenizer_hash_;
  Transformer model_;
  torch::Device device_;
  bool bf16_;
};

}  // namespace tessera
