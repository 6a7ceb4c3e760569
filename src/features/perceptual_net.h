#pragma once

#include <variant>

#include "features/feature_net.h"
#include "features/lpips.h"

namespace tessera {

/// The network of the perceptual loss: one learnt by `train features`, or LPIPS.
class PerceptualNet {
 public:
  explicit PerceptualNet(FeatureNet net) : net_(std::move(net)) {}
  explicit PerceptualNet(Lpips net) : net_(std::move(net)) {}
  /// Throws FileError when the folder holds no network of this kind.
  static PerceptualNet load(const fs::path& folder, Perceptual kind, const torch::Device& device);

  /// How different images look, [B] float32; see perceptual_distance and Lpips::distance.
  torch::Tensor distance(const torch::Tensor& a, const torch::Tensor& b) const;
  Perceptual kind() const;
  /// SHA-256 of model.safetensors.
  const std::string& hash() const;

 private:
  std::variant<FeatureNet, Lpips> net_;
};

}  // namespace tessera
