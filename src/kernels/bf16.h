// kernels/ holds vectorised loops over plain memory: no LibTorch, no threads of their own; the
// caller splits the work.
#pragma once

#include <bit>
#include <cstdint>

namespace tessera::kernels {

/// bfloat16 storage: the upper half of a float32.
enum class Bf16 : std::uint16_t {};

inline float to_float(float value) { return value; }
inline float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// Rounds to nearest, ties to even, as LibTorch does; NaN stays NaN.
template <typename T>
T from_float(float value) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return value;
  } else {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (value != value) return static_cast<Bf16>((bits >> 16) | 0x40);
    return static_cast<Bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}

}  // namespace tessera::kernels
