#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"

namespace tessera::kernels {

// What the machine can do at most, for a benchmark to hold its results against. The caller times
// these, and runs them on as many threads as it asks about.

/// Reads memory, as fast as one core can: `bytes` is a multiple of 256, `from` is 64-byte aligned.
/// Returns the sum of its 32-bit words, so that nothing can be skipped.
std::uint32_t read_memory(const std::byte* from, std::size_t bytes);

/// What arithmetic was done: its operations, two for each product that is summed, and a result of it
/// all, so that nothing can be skipped.
struct Arithmetic {
  double operations, result;
};

/// `rounds` rounds of the instructions that multiply weights of this type, in registers: fused
/// multiply-add in float32, dot products of bf16 or of integers where the instruction set has them.
Arithmetic multiply_in_registers(WeightType type, std::size_t rounds);

}  // namespace tessera::kernels
