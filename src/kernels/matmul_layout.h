// The byte layout of packed weights and prepared activations. A panel is kPanel outputs; its bytes
// follow the inputs:
//
//   float32  [inputs][64]                  float32
//   bf16     [inputs / 2][64][2]           bf16, pairs of inputs side by side
//   int8     groups of 64 inputs, each     [16][64][4] uint8 = weight + 128, then [64] bf16 scales
//   int4     groups of 32 inputs, each     [4][64][4] bytes: a low nibble = weight + 8 of inputs k
//   .. k+3, the high ones
//                                          of inputs k+4 .. k+7; then [64] bf16 scales
//
// A prepared row is [inputs] float32, [inputs] bf16, or for each group: float32 scale, int32 start
// = -offset * sum of the values (which undoes the offset of the weights), then the values as int8.
// Inputs are filled up to whole pairs and groups with zeros, on both sides.
#pragma once

#include <cstddef>

#include "kernels/matmul.h"

namespace tessera::kernels {

constexpr std::size_t kPanel = kPanelOutputs;
constexpr std::size_t kInt8Group = 64;
constexpr std::size_t kInt4Group = 32;
constexpr int kInt8Offset = 128;
constexpr int kInt4Offset = 8;
constexpr std::size_t kGroupHead = 8;  // scale and start, before the values of a prepared group

/// The inputs that a panel holds together: single ones (float32), pairs (bf16) or groups (int8,
/// int4); their bytes, with the scales; how many such steps a panel has, and its bytes.
std::size_t step_inputs(WeightType type);
std::size_t step_bytes(WeightType type);
std::size_t panel_steps(WeightType type, std::size_t inputs);
std::size_t panel_bytes(WeightType type, std::size_t inputs);

/// What the kernels are told of a product with one panel. Plain data: the intrinsics file takes it
/// too.
struct PanelProduct {
  const std::byte* weights;  // of the panel
  std::size_t steps;         // panel_steps
  const std::byte* prepared;
  std::size_t row_bytes;  // from one prepared row to the next
  std::size_t rows;
  float* out;  // of the panel's first output
  std::size_t stride;
  std::size_t columns;  // outputs of the panel that exist, at most 64
};

/// Rows that a tile takes at most; with 64 outputs, 24 registers of 512 bits hold its sums.
constexpr std::size_t kTileRows = 6;

}  // namespace tessera::kernels
