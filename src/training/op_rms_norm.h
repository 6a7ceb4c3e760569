#pragma once

#include <torch/torch.h>

namespace tessera {

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension, as one differentiable op (Zhang
/// and Sennrich, 2019). x is [..., C] float32, weight is [C]. Statistics are float32; the result is
/// bf16 under autocast, of x's type otherwise.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

}  // namespace tessera
