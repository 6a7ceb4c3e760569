#pragma once

#include <torch/torch.h>

namespace tessera {

struct Heads {
  torch::Tensor query, key, value;  ///< [B, heads, T, D], of the type of what was split
};

/// Splits qkv [B, T, 3 * heads * D] into heads, normalises queries and keys (RMSNorm over D) if the
/// weights [D] are defined, and turns each interleaved pair of a query or key by the angle of its
/// position: `rotation` [T, D/2, 2] float32 holds (cos, sin). One differentiable op; the arithmetic
/// is float32.
Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& rotation, int heads,
                  const torch::Tensor& query_weight, const torch::Tensor& key_weight,
                  double epsilon);

}  // namespace tessera
