#include "features/feature_classifier.h"

namespace tessera {

FeatureClassifierImpl::FeatureClassifierImpl(const FeatureShape& shape) {
  for (int level = 0, input = 3; level < shape.levels; ++level) {
    for (int conv = 0; conv < 2; ++conv, input = shape.channels(level)) {
      const int output = shape.channels(level);
      const auto name = "levels_" + std::to_string(level) + "_" + std::to_string(conv);
      auto options = torch::nn::Conv2dOptions(input, output, 3);
      options.stride(conv == 0 ? 2 : 1).padding(1).bias(false);
      layers_.push_back({register_module(name, torch::nn::Conv2d(options)),
                         register_module(name + "_norm", torch::nn::BatchNorm2d(output))});
    }
  }
  head_ =
      register_module("head", torch::nn::Linear(shape.channels(shape.levels - 1), shape.outputs));
  to(torch::kFloat32);
  for (auto& layer : layers_)
    layer.conv->weight.set_data(layer.conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
}

torch::Tensor FeatureClassifierImpl::forward(torch::Tensor x) {  // [B, 3, H, W]
  for (auto& layer : layers_) x = layer.norm(layer.conv(x)).relu_();
  return head_(x.to(torch::kFloat32).mean({2, 3})).to(torch::kFloat32);  // [B, outputs]
}

TensorMap FeatureClassifierImpl::folded() const {
  torch::NoGradGuard no_grad;
  TensorMap weights{{"head.weight", head_->weight.detach()}, {"head.bias", head_->bias.detach()}};
  for (std::size_t index = 0; index < layers_.size(); ++index) {
    const auto& [conv, norm] = layers_[index];
    const auto scale = norm->weight * (norm->running_var + norm->options.eps()).rsqrt();  // [C]
    const auto name = "levels." + std::to_string(index / 2) + "." + std::to_string(index % 2);
    weights[name + ".weight"] = conv->weight * scale.view({-1, 1, 1, 1});
    weights[name + ".bias"] = norm->bias - norm->running_mean * scale;
  }
  return weights;
}

}  // namespace tessera
