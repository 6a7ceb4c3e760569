#pragma once

#include <torch/torch.h>

namespace tessera {

/// GroupNorm followed by SiLU when `silu`, as one differentiable op. x is [B, C, H, W] in float32
/// or bf16; weight and bias are [C] float32; C is a multiple of `groups`. The result has x's dtype
/// and is channels-last; it works under autocast; statistics are float32 (Wu and He, 2018; Elfwing
/// et al., 2017).
torch::Tensor group_norm_silu(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, int groups, double epsilon = 1e-6,
                              bool silu = true);

}  // namespace tessera
