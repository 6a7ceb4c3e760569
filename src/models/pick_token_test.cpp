#include "models/pick_token.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "kernels/instruction_sets_test.h"

namespace tessera {
namespace {

const std::array<float, 5> kLogits = {0.0f, 1.0f, 2.0f, -1.0f, 0.5f};

// Draws many tokens and compares their counts with `expected` shares by Pearson's chi-square.
void expect_shares(const SamplingConfig& sampling, const std::array<double, 5>& expected) {
  constexpr int kDraws = 100000;
  TokenPicker picker;
  std::array<int, 5> counts{};
  Rng rng(7);
  for (int i = 0; i < kDraws; ++i)
    ++counts[static_cast<std::size_t>(picker.pick(kLogits, sampling, rng.uniform()))];
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
    EXPECT_EQ(TokenPicker().pick(kLogits, {.temperature = 0}, uniform), 2);
}

TEST(PickToken, NeverDrawsAnImpossibleToken) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::array<float, 3> logits = {kNever, 0.0f, kNever};
  for (const double uniform : {0.0, 0.5, 1 - 0x1.0p-53})
    EXPECT_EQ(TokenPicker().pick(logits, {}, uniform), 1);
}

TEST(PickToken, RefusesLogitsThatAreNotNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  for (const double temperature : {0.0, 1.0})
    for (const auto& logits : {std::array{nan, nan},
                               {nan, 0.0f},
                               {0.0f, nan},
                               {0.0f, kInfinity},
                               {kInfinity, -kInfinity},
                               {-kInfinity, -kInfinity}})
      EXPECT_THROW(TokenPicker().pick(logits, {.temperature = temperature}, 0.5), Error)
          << logits[0] << " " << logits[1];
}

TEST(PickToken, TakesExtremeLogitsAndTemperatures) {
  constexpr float kHuge = std::numeric_limits<float>::max();
  const std::array<float, 4> logits = {-kHuge, kHuge, -std::numeric_limits<float>::infinity(), 1};
  for (const double temperature : {1e-300, 1e-30, 1.0, 1e30})
    for (const int top_k : {0, 3})
      for (const double top_p : {0.5, 1.0})
        for (const double uniform : {0.0, 0.5, 1 - 0x1p-53})
          EXPECT_EQ(
              TokenPicker().pick(
                  logits, {.temperature = temperature, .top_k = top_k, .top_p = top_p}, uniform),
              1);
  // So hot that all that can be are equally likely.
  const std::array<float, 4> mild = {-50, 50, -std::numeric_limits<float>::infinity(), 1};
  EXPECT_EQ(TokenPicker().pick(mild, {.temperature = 1e300}, 0.3), 0);
  EXPECT_EQ(TokenPicker().pick(mild, {.temperature = 1e300}, 0.4), 1);
  EXPECT_EQ(TokenPicker().pick(mild, {.temperature = 1e300}, 0.7), 3);
  EXPECT_EQ(TokenPicker().pick(mild, {.temperature = 1e300, .top_k = 2}, 0.7), 3);
}

TEST(PickToken, TakesTheOnlyToken) {
  for (const double temperature : {0.0, 1.0})
    for (const double uniform : {0.0, 1 - 0x1p-53})
      EXPECT_EQ(TokenPicker().pick(std::array{-3.0f},
                                   {.temperature = temperature, .top_k = 1, .top_p = 0.5}, uniform),
                0);
}

TEST(PickToken, EqualLogitsCountInTheOrderOfTheirTokens) {
  const std::vector<float> logits(1000, 0.25f);
  TokenPicker picker;
  EXPECT_EQ(picker.pick(logits, {.temperature = 0}, 0.9), 0);
  EXPECT_EQ(picker.pick(logits, {.top_k = 10}, 1 - 0x1p-53), 9);
  EXPECT_EQ(picker.pick(logits, {.top_p = 0.25}, 1 - 0x1p-53), 249);
  EXPECT_EQ(picker.pick(logits, {.top_k = 500, .top_p = 0.5}, 1 - 0x1p-53), 249);
}

// Logits as models have them, many of them equal.
std::vector<float> random_logits(std::size_t count, std::uint64_t seed, double step) {
  Rng rng(seed);
  std::vector<float> logits(count);
  for (float& logit : logits) {
    double sum = 0;
    for (int i = 0; i < 6; ++i) sum += 4 * rng.uniform() - 2;
    logit = static_cast<float>(std::round(sum / step) * step);
  }
  return logits;
}

// Tokens of which each has its share, 0 if cut, by sorting all of them and in double precision.
std::vector<double> sorted_shares(const std::vector<float>& logits,
                                  const SamplingConfig& sampling) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (sampling.top_k > 0) order.resize(std::min<std::size_t>(sampling.top_k, order.size()));
  const auto weight_of = [&](std::size_t token) {
    return std::exp((logits[token] - logits[order[0]]) / sampling.temperature);
  };
  double total = 0, held = 0;
  for (const std::size_t token : order) total += weight_of(token);
  std::vector<double> shares(logits.size());
  for (const std::size_t token : order) {
    shares[token] = weight_of(token);
    held += shares[token];
    if (sampling.top_p < 1 && held >= sampling.top_p * total) break;
  }
  for (double& share : shares) share /= held;
  return shares;
}

// Every token of some weight is drawn where a naive cut draws it; one token too many or too few
// would shift those after it. Weights are off by 2^-17 at most, and so are sums of shares.
void expect_drawn_as_sorted(const std::vector<float>& logits, const SamplingConfig& sampling) {
  const auto shares = sorted_shares(logits, sampling);
  TokenPicker picker;
  double before = 0, seen = 0;
  for (std::size_t token = 0; token < logits.size(); ++token) {
    const double share = shares[token];
    if (share > 4 * 0x1p-17) {
      seen += share;
      for (const double part : {0.25, 0.75})
        ASSERT_EQ(picker.pick(logits, sampling, before + part * share), token)
            << "top_k " << sampling.top_k << " top_p " << sampling.top_p << " temperature "
            << sampling.temperature;
    }
    before += share;
  }
  EXPECT_GT(seen, 0.9);
}

TEST(PickToken, CutsWhatSortingCuts) {
  for (const std::size_t vocabulary : {7, 1000, 3001})
    for (const double step : {1e-9, 0.01, 0.5})
      for (const double temperature : {0.5, 1.0, 5.0})
        for (const int top_k : {0, 1, 6, 300, 2000})
          for (const double top_p : {1.0, 0.9, 0.37})
            expect_drawn_as_sorted(random_logits(vocabulary, vocabulary, step),
                                   {.temperature = temperature, .top_k = top_k, .top_p = top_p});
}

class PickTokenOn : public kernels::EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, PickTokenOn, testing::ValuesIn(kernels::instruction_sets()),
                         kernels::instruction_set_name);

// The checksum was computed once: no instruction set, compiler or machine may have another.
TEST_P(PickTokenOn, EveryInstructionSetDrawsTheSame) {
  TokenPicker picker;
  Rng rng(3);
  std::uint64_t checksum = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (const int top_k : {0, 2000})
      for (const double top_p : {1.0, 0.9})
        checksum = mix(
            {checksum, static_cast<std::uint64_t>(picker.pick(
                           random_logits(4099, seed, 1e-9),
                           {.temperature = 1.1, .top_k = top_k, .top_p = top_p}, rng.uniform()))});
  EXPECT_EQ(checksum, 4618235243095739948u);
}

}  // namespace
}  // namespace tessera
