#include "tokenizer/adversarial_loss.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr double kWeightEpsilon = 1e-4, kLargestWeight = 1e4;

double gradient_norm(const torch::Tensor& loss, const torch::Tensor& of) {
  const auto gradient = torch::autograd::grad({loss}, {of}, {}, /*retain_graph=*/true)[0];
  return gradient.norm().item<double>();
}

}  // namespace

torch::Tensor generator_loss(AdversarialLoss kind, const torch::Tensor& fake) {
  if (kind == AdversarialLoss::non_saturating) return torch::softplus(-fake).mean();
  return -fake.mean();
}

torch::Tensor discriminator_loss(AdversarialLoss kind, const torch::Tensor& real,
                                 const torch::Tensor& fake) {
  if (kind == AdversarialLoss::hinge)
    return (torch::relu(1 - real).mean() + torch::relu(1 + fake).mean()) / 2;
  return (torch::softplus(-real).mean() + torch::softplus(fake).mean()) / 2;
}

double adaptive_weight(const torch::Tensor& reconstruction, const torch::Tensor& adversarial,
                       const torch::Tensor& last_layer) {
  const double weight = gradient_norm(reconstruction, last_layer) /
                        (gradient_norm(adversarial, last_layer) + kWeightEpsilon);
  return std::clamp(weight, 0.0, kLargestWeight);
}

}  // namespace tessera
