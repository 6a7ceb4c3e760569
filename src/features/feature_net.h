// features/ trains a small classifier on the user's own images; what it computes on the way serves
// the perceptual loss and the Frechet distance.
#pragma once

#include "training/model_folder.h"

namespace tessera {

/// The shape of a feature network.
struct FeatureShape {
  int width = 48;    ///< channels of the first level
  int levels = 3;    ///< each halves the image
  int outputs = 10;  ///< classes, or 4 rotations

  /// Channels of level `level`: width, 2 width, then 4 width.
  int channels(int level) const { return width << std::min(level, 2); }
  /// Enough levels to leave about 4 x 4 positions of an image of `image_size` pixels.
  static int levels_for(int image_size);
};

/// A frozen feature network: convolutions with bias and ReLU, nothing else. Any image size works.
class FeatureNet {
 public:
  /// Throws FileError when the folder holds no feature network.
  static FeatureNet load(const fs::path& folder, const torch::Device& device);
  /// `weights` as a model folder holds them: "levels.<level>.<0|1>.weight" and ".bias",
  /// "head.weight", "head.bias".
  FeatureNet(const FeatureShape& shape, TensorMap weights, std::string hash);

  /// Level `l` of the result is [B, channels(l), ceil(H / 2^(l+1)), ceil(W / 2^(l+1))], after ReLU,
  /// in the images' type (bf16 under autocast). Images are [B, 3, H, W] in [-1, 1]; gradients flow
  /// to them.
  std::vector<torch::Tensor> stages(const torch::Tensor& images) const;
  /// [B, feature_size()] float32 (or float64): the last stage averaged over positions.
  torch::Tensor features(const torch::Tensor& images) const;
  /// [B, outputs] scores of the classes (or rotations) it was trained to tell apart.
  torch::Tensor logits(const torch::Tensor& images) const;

  int feature_size() const { return shape_.channels(shape_.levels - 1); }
  const FeatureShape& shape() const { return shape_; }
  /// SHA-256 of model.safetensors: names the feature space in results.
  const std::string& hash() const { return hash_; }
  /// The same network in another precision, for gradient checks.
  FeatureNet to(torch::ScalarType type) const;

 private:
  FeatureShape shape_;
  TensorMap weights_;
  std::string hash_;
};

/// How different images look to the network, [B]: at each position of each stage, the squared
/// distance of the two feature vectors scaled to length 1, averaged over positions, then stages
/// (Zhang et al. 2018, without their learnt weights); 0 is equal, 2 has nothing in common.
/// Gradients flow to both, [B, 3, H, W] in [-1, 1]; float32 under autocast.
torch::Tensor perceptual_distance(const FeatureNet& net, const torch::Tensor& a,
                                  const torch::Tensor& b);

}  // namespace tessera
