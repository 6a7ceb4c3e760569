#pragma once

#include <torch/torch.h>

namespace tessera {

/// Squared distance of two maps' feature vectors scaled to length 1, averaged over positions: [B,
/// C, H, W] twice, of one type (float32, float64 or bf16), to [B] float32 (float64). One pass over
/// memory forward, one backward.
torch::Tensor direction_distance(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace tessera
