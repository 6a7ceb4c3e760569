#pragma once

#include <torch/torch.h>

namespace tessera {

/// -log softmax(logits)[target] of each row, in nats, as one differentiable op. logits are [N, V],
/// targets [N] int64; the result is [N] float32 (float64 for float64 logits), as is the arithmetic,
/// whatever the type of the logits.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace tessera
