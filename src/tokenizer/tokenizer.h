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
  /// The same for any grid: T is rows * columns.
  torch::Tensor decode(const torch::Tensor& codes, int rows, int columns);

  /// How images are read for this tokenizer, at `image_size` pixels per side instead of the
  /// recipe's (0). Throws Error unless that is a multiple of the downsampling.
  DataConfig data_config(int image_size) const;
  /// Images of so many pixels that are encoded or decoded at a time, so that the widest activations
  /// take about 200 MB at VQ-16's width.
  static int batch_at(std::int64_t pixels);

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
