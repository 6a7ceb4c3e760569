#pragma once

#include <torch/torch.h>

namespace tessera {

/// silu(gate) * up, element by element, as one differentiable op (Shazeer, 2020). Both are [..., C]
/// of one type, which the result has too; the arithmetic is float32.
torch::Tensor swiglu(const torch::Tensor& gate, const torch::Tensor& up);

}  // namespace tessera
