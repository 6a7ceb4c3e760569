#include "models/pick_token.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace tessera {
namespace {

const std::array<float, 5> kLogits = {0.0f, 1.0f, 2.0f, -1.0f, 0.5f};

// Draws many tokens and compares their counts with `expected` shares by Pearson's chi-square.
void expect_shares(const SamplingConfig& sampling, const std::array<double, 5>& expected) {
  constexpr int kDraws = 40000;
  std::array<int, 5> counts{};
  Rng rng(7);
  for (int i = 0; i < kDraws; ++i)
    ++counts[static_cast<std::size_t>(pick_token(kLogits, sampling, rng.uniform()))];
  double total = 0, statistic = 0;
  for (const double share : expected) total += share;
  for (std::size_t token = 0; token < expected.size(); ++token) {
    const double mean = kDraws * expected[token] / total;
    if (mean == 0)
      EXPECT_EQ(counts[token], 0) << token;
    else
      statistic += (counts[token] - mean) * (counts[token] - mean) / mean;
  }
  EXPECT_LT(statistic,
            18.47);  // exceeded once in 1,000 with 4 degrees of freedom; the seed is fixed
}

TEST(PickToken, DrawsFromTheSoftmax) {
  expect_shares({}, {std::exp(0.0), std::exp(1.0), std::exp(2.0), std::exp(-1.0), std::exp(0.5)});
}

TEST(PickToken, TemperatureDividesTheLogits) {
  expect_shares({.temperature = 0.5},
                {std::exp(0.0), std::exp(2.0), std::exp(4.0), std::exp(-2.0), std::exp(1.0)});
}

TEST(PickToken, TopKKeepsTheLikeliestK) {
  expect_shares({.top_k = 2}, {0, std::exp(1.0), std::exp(2.0), 0, 0});
  expect_shares({.top_k = 99},
                {std::exp(0.0), std::exp(1.0), std::exp(2.0), std::exp(-1.0), std::exp(0.5)});
}

TEST(PickToken, TopPKeepsTheFewestThatHoldTheProbability) {
  // Shares: 0.567, 0.209, 0.126, 0.077, 0.028 of tokens 2, 1, 4, 0, 3 (rounded).
  expect_shares({.top_p = 0.5}, {0, 0, 1, 0, 0});
  expect_shares({.top_p = 0.7}, {0, std::exp(1.0), std::exp(2.0), 0, 0});
  expect_shares({.top_p = 0.8}, {0, std::exp(1.0), std::exp(2.0), 0, std::exp(0.5)});
}

TEST(PickToken, TopPCountsWithinWhatTopKLeft) {
  // Of tokens 2 and 1 alone, token 2 holds 0.731.
  expect_shares({.top_k = 2, .top_p = 0.73}, {0, 0, 1, 0, 0});
  expect_shares({.top_k = 2, .top_p = 0.74}, {0, std::exp(1.0), std::exp(2.0), 0, 0});
}

TEST(PickToken, TemperatureZeroTakesTheLikeliest) {
  for (const double uniform : {0.0, 0.5, 0.999999})
    EXPECT_EQ(pick_token(kLogits, {.temperature = 0}, uniform), 2);
}

TEST(PickToken, NeverDrawsAnImpossibleToken) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::array<float, 3> logits = {kNever, 0.0f, kNever};
  for (const double uniform : {0.0, 0.5, 1 - 0x1.0p-53})
    EXPECT_EQ(pick_token(logits, {}, uniform), 1);
}

TEST(PickToken, RefusesLogitsThatAreNotNumbers) {
  const std::array<float, 2> logits = {std::nanf(""), std::nanf("")};
  EXPECT_THROW(pick_token(logits, {}, 0.5), Error);
}

}  // namespace
}  // namespace tessera
