#pragma once

#include "features/feature_net.h"

namespace tessera {

/// The trainable form of FeatureNet: batch normalisation after each convolution, which freezing
/// folds away (Ioffe and Szegedy, 2015).
class FeatureClassifierImpl : public torch::nn::Module {
 public:
  explicit FeatureClassifierImpl(const FeatureShape& shape);
  /// Images [B, 3, H, W] in [-1, 1] to scores [B, outputs] in float32.
  torch::Tensor forward(torch::Tensor images);
  /// The same function (in eval mode) as a FeatureNet's weights.
  TensorMap folded() const;

 private:
  struct Layer {
    torch::nn::Conv2d conv{nullptr};
    torch::nn::BatchNorm2d norm{nullptr};
  };
  std::vector<Layer> layers_;
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(FeatureClassifier);

}  // namespace tessera
