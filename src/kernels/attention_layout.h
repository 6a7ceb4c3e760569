#pragma once

#include <cstddef>

#include "kernels/attention.h"
#include "kernels/bf16.h"

namespace tessera::kernels {

/// Positions whose keys lie side by side, so that a vector holds one channel of several positions:
/// the query's numbers are broadcast and nothing is summed across lanes.
inline constexpr std::size_t kKeyBlock = 16;

/// Where a head's cache holds what: the keys, then, at these offsets in bytes, values and scales.
///
///   keys    [positions/16][D][16], bf16 [positions/16][D/2][16][2] (pairs of channels)
///   values  [positions][row], bf16 [positions/2][row][2] (pairs of positions)
///   scales  [positions] of keys and of values, int8 only
///
/// A bf16 pair fills 32 bits: shifting and masking make two float32 vectors of one load. A row is D
/// rounded up to 16, the rest zeros, so that no vector is cut short.
struct AttentionLayout {
  std::size_t row;  // numbers from one value to the next
  std::size_t values, key_scales, value_scales, end;
};

constexpr std::size_t round_up(std::size_t count, std::size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

constexpr std::size_t bytes_of(CacheType type) {
  return type == CacheType::float32 ? 4 : type == CacheType::bf16 ? 2 : 1;
}

constexpr AttentionLayout layout_of(const HeadCache& shape) {
  const std::size_t positions = round_up(shape.positions, kKeyBlock);
  const std::size_t scales = shape.type == CacheType::int8 ? positions * sizeof(float) : 0;
  AttentionLayout layout{};
  layout.row = round_up(shape.head_size, 16);
  layout.values = round_up(positions * shape.head_size * bytes_of(shape.type), 64);
  const std::size_t value_rows = round_up(shape.positions, 2);
  layout.key_scales = round_up(layout.values + value_rows * layout.row * bytes_of(shape.type), 64);
  layout.value_scales = layout.key_scales + scales;
  layout.end = layout.value_scales + scales;
  return layout;
}

}  // namespace tessera::kernels
