#pragma once

#include "tokenizer/vq_model.h"
#include "training/model_folder.h"

namespace tessera {

/// A trained tokenizer, ready to use: loaded from its model folder, in evaluation mode.
class Tokenizer {
 public:
  /// Throws FileError when the folder is not a tokenizer or a tensor is missing, unknown or
  /// misshapen.
  static Tokenizer load(const fs::path& folder, const torch::Device& device);

  /// [B, 3, H, W] in [-1, 1] -> codes [B, T] int64 in raster order. H and W are multiples of the
  /// downsampling.
  torch::Tensor encode(const torch::Tensor& images);
  /// Codes [B, T] of a square grid -> [B, 3, H, W] float32, not clamped.
  torch::Tensor decode(const torch::Tensor& codes);

  const ModelConfig& config() const { return config_; }
  const std::string& hash() const { return hash_; }  ///< SHA-256 of model.safetensors
  VqModel& model() { return model_; }

 private:
  Tokenizer(ModelConfig config, std::string hash, VqModel model)
      : config_(std::move(config)), hash_(std::move(hash)), model_(std::move(model)) {}

  ModelConfig config_;
  std::string hash_;
  VqModel model_;
};

}  // namespace tessera
