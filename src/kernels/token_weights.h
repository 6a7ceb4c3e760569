#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::kernels {

struct LogitRange {
  float lowest, highest;
};

/// The lowest and the highest of logits [count], at least one; both NaN if any is NaN.
LogitRange range_of(std::size_t count, const float* logits);

/// The weight of the likeliest token; a token's probability is its weight by the sum of all.
inline constexpr std::uint32_t kLargestWeight = std::uint32_t{1} << 30;

/// Octaves below the likeliest token within which weights are more than zero.
inline constexpr float kWeightOctaves = 31;

/// weights [count] = kLargestWeight * 2^(octaves_per_logit * (logit - highest)), rounded to whole
/// numbers, within 2^-17 of their size and 1/2; returns their sum. They are the same numbers on
/// every instruction set, and sums of whole numbers are the same in any order: what is decided with
/// them is decided the same way everywhere. Logits may be minus infinity; octaves_per_logit is a
/// normal number above zero.
std::uint64_t token_weights(std::size_t count, const float* logits, float highest,
                            float octaves_per_logit, std::uint32_t* weights);

}  // namespace tessera::kernels
