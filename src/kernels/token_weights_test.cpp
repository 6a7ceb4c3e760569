#include "kernels/token_weights.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class TokenWeights : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, TokenWeights, testing::ValuesIn(instruction_sets()),
                         instruction_set_name);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kCounts[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 1000};

std::vector<float> random_logits(std::size_t count, float size) {
  std::mt19937 rng(static_cast<unsigned>(count));
  std::vector<float> logits(count);
  for (float& logit : logits) logit = size * (static_cast<float>(rng() >> 8) * 0x1p-23f - 1);
  return logits;
}

TEST_P(TokenWeights, MatchDoublePrecision) {
  for (const std::size_t count : kCounts)
    for (const float octaves_per_logit : {1.4427f, 0.1f, 20.0f}) {
      const auto logits = random_logits(count, 9);
      const float highest = range_of(count, logits.data()).highest;
      std::vector<std::uint32_t> weights(count + 1, 12345);
      const auto sum =
          token_weights(count, logits.data(), highest, octaves_per_logit, weights.data());
      std::uint64_t expected_sum = 0;
      for (std::size_t token = 0; token < count; ++token) {
        const double octaves = octaves_per_logit * (static_cast<double>(logits[token]) - highest);
        const double exact = kLargestWeight * std::exp2(octaves);
        EXPECT_NEAR(weights[token], exact, 0x1p-17 * exact + 0.5) << octaves;
        if (octaves < -kWeightOctaves * 1.0001) {
          EXPECT_EQ(weights[token], 0u);
        }
        if (logits[token] == highest) {
          EXPECT_EQ(weights[token], kLargestWeight);
        }
        expected_sum += weights[token];
      }
      EXPECT_EQ(sum, expected_sum);
      EXPECT_EQ(weights.back(), 12345u);
    }
}

// The checksum was computed once: no instruction set, compiler or machine may have another.
TEST_P(TokenWeights, AreTheSameOnEveryInstructionSet) {
  const auto logits = random_logits(16384, 12);
  std::vector<std::uint32_t> weights(logits.size());
  token_weights(logits.size(), logits.data(), range_of(logits.size(), logits.data()).highest,
                1.2345f, weights.data());
  std::uint64_t checksum = 0;
  for (const std::uint32_t weight : weights) checksum = checksum * 0x9e3779b97f4a7c15 + weight;
  EXPECT_EQ(checksum, 12117513127437444797u);
}

TEST_P(TokenWeights, TakeExtremeLogits) {
  const float logits[] = {3e38f, -3e38f, -kInfinity, 3e38f};
  for (const float octaves_per_logit :
       {std::numeric_limits<float>::min(), 1.0f, std::numeric_limits<float>::max()}) {
    std::uint32_t weights[4] = {};
    const auto sum = token_weights(4, logits, 3e38f, octaves_per_logit, weights);
    EXPECT_EQ(sum, std::accumulate(weights, weights + 4, std::uint64_t{0}));
    EXPECT_EQ(weights[0], kLargestWeight);
    EXPECT_EQ(weights[2], 0u);
    EXPECT_EQ(weights[3], kLargestWeight);
  }
}

TEST_P(TokenWeights, RangeIsOfAllLogits) {
  for (const std::size_t count : kCounts)
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<float> logits(count, 0.5f);
      logits[at] = 7;
      EXPECT_EQ(range_of(count, logits.data()).highest, 7);
      EXPECT_EQ(range_of(count, logits.data()).lowest, count == 1 ? 7 : 0.5f);
      logits[at] = -kInfinity;
      EXPECT_EQ(range_of(count, logits.data()).lowest, -kInfinity);
      logits[at] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(range_of(count, logits.data()).lowest));
      EXPECT_TRUE(std::isnan(range_of(count, logits.data()).highest));
    }
}

}  // namespace
}  // namespace tessera::kernels
