#pragma once

#include "training/model_folder.h"

namespace tessera {

/// LPIPS (Zhang et al. 2018, arXiv 1801.03924): VGG16 to relu5_3 under five learnt linear heads.
/// Frozen.
class Lpips {
 public:
  /// Smaller images leave nothing after VGG16's four poolings.
  static constexpr int kLeastSide = 16;

  /// Throws FileError when the folder holds no model of kind "lpips".
  static Lpips load(const fs::path& folder, const torch::Device& device);
  /// `weights` as a model folder holds them: torchvision's "features.<0, 2, 5, .., 28>.weight" and
  /// ".bias", and "lin<0 .. 4>.weight" [1, C, 1, 1].
  Lpips(TensorMap weights, std::string hash);

  /// relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 of images [B, 3, H, W] in [-1, 1]: level `l` is
  /// [B, 64 .. 512, H / 2^l, W / 2^l], in the images' type (bf16 under autocast).
  std::vector<torch::Tensor> stages(const torch::Tensor& images) const;
  /// How different images look, [B]: at each position of each stage the squared difference of the
  /// two feature vectors scaled to length 1, weighted by the stage's head, averaged over positions,
  /// summed over stages. Gradients flow to both, [B, 3, H, W] in [-1, 1]; float32 under autocast.
  torch::Tensor distance(const torch::Tensor& a, const torch::Tensor& b) const;

  /// SHA-256 of model.safetensors.
  const std::string& hash() const { return hash_; }
  /// The same network in another precision, for gradient checks.
  Lpips to(torch::ScalarType type) const;
  /// Floating-point operations of `stages` for one image: two per multiply-add.
  static double flops(int image_size);
  /// Every tensor's shape by name.
  static std::map<std::string, std::vector<std::int64_t>> shapes();

 private:
  TensorMap weights_;
  std::string hash_;
};

}  // namespace tessera
