#pragma once

#include <cstddef>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// out = silu(gate) * up, `count` values.
void swiglu(std::size_t count, const float* gate, const float* up, float* out);
void swiglu(std::size_t count, const Bf16* gate, const Bf16* up, Bf16* out);

/// Gradients of gate and up from that of out.
void swiglu_gradient(std::size_t count, const float* gate, const float* up,
                     const float* out_gradient, float* gate_gradient, float* up_gradient);
void swiglu_gradient(std::size_t count, const Bf16* gate, const Bf16* up, const Bf16* out_gradient,
                     Bf16* gate_gradient, Bf16* up_gradient);

}  // namespace tessera::kernels
