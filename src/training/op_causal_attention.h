#pragma once

#include <torch/torch.h>

namespace tessera {

/// softmax(query key^T / sqrt(D)) value, each position seeing itself and what comes before, as one
/// differentiable op (Vaswani et al., 2017). All are [B, heads, T, D] of one type; the result is
/// [B, T, heads * D]. The softmax is float32.
torch::Tensor causal_attention(const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value);

/// The same for one new position that sees all of T: query [B, heads, 1, D], keys and values [B,
/// heads, T, D] (which may be the front of a longer cache) -> [B, 1, heads * D]. Not
/// differentiable.
torch::Tensor cached_attention(const torch::Tensor& query, const torch::Tensor& keys,
                               const torch::Tensor& values);

}  // namespace tessera
