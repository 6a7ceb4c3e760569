#pragma once

#include <torch/torch.h>

namespace tessera {

/// x + dropout(branch): each element of `branch` is zeroed with probability `drop`, the others grow
/// by 1 / (1 - drop). x is float32; branch has its shape and may be bf16. One differentiable op,
/// its random numbers from LibTorch's generator.
torch::Tensor add_dropout(const torch::Tensor& x, const torch::Tensor& branch, double drop);

/// dropout(x) alone.
torch::Tensor drop_some(const torch::Tensor& x, double drop);

/// Whole samples x[i] of [B, ..] are zeroed with probability `drop`, the others grow by 1 / (1 -
/// drop): stochastic depth (Huang et al., arXiv 1603.09382) when x is a residual branch.
torch::Tensor drop_samples(const torch::Tensor& x, double drop);

}  // namespace tessera
