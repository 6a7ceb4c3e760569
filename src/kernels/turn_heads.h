#pragma once

#include <cstddef>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// The heads of one token's queries or keys: `heads` vectors of `size` (even) lie together before,
/// `stride` elements apart after.
struct HeadBlock {
  std::size_t heads, size, stride;
};

/// How a token's heads are normalised and turned. `weight` [size] is null without QK-norm. Pair p
/// turns by an angle: cosines hold cos at 2p and 2p + 1, sines -sin at 2p and sin at 2p + 1.
struct HeadTurn {
  const float* weight;
  float epsilon;
  const float *cosines, *sines;
};

/// RMSNorm over each head (if weighted), then the turn.
void turn_heads(const HeadBlock& block, const HeadTurn& turn, const float* x, float* y);
void turn_heads(const HeadBlock& block, const HeadTurn& turn, const Bf16* x, Bf16* y);

/// dL/dx; dL/dweight [size] is added to if there is a weight.
void turn_heads_gradient(const HeadBlock& block, const HeadTurn& turn, const float* x,
                         const float* dy, float* dx, float* weight_gradient);
void turn_heads_gradient(const HeadBlock& block, const HeadTurn& turn, const Bf16* x,
                         const Bf16* dy, Bf16* dx, float* weight_gradient);

}  // namespace tessera::kernels
