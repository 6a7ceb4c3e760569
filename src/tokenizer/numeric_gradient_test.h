#pragma once

#include <torch/torch.h>

#include <functional>

namespace tessera {

/// Central differences of `loss` at every element of `x` (float64).
inline torch::Tensor numeric_gradient(const torch::Tensor& x,
                                      const std::function<double(torch::Tensor)>& loss) {
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  auto gradient = torch::zeros(x.sizes(), x.options().requires_grad(false));
  auto probe = x.detach().clone().contiguous();
  for (std::int64_t i = 0; i < probe.numel(); ++i) {
    double& value = probe.data_ptr<double>()[i];
    const double kept = value;
    value = kept + kStep;
    const double above = loss(probe);
    value = kept - kStep;
    const double below = loss(probe);
    value = kept;
    gradient.view(-1)[i] = (above - below) / (2 * kStep);
  }
  return gradient;
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// What central differences in float64 may be off by for gradients of order 1: the step squared,
/// and 1e-16 divided by the step.
constexpr double kNumericTolerance = 1e-8;

}  // namespace tessera
