#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace tessera {
namespace {

// Every data set split, batch and sample depends on these: a change here changes every run.
TEST(Random, GoldenNumbersStay) {
  Rng rng(1234567);
  EXPECT_EQ(rng.next(), 6457827717110365317u);  // splitmix64's published test vector
  EXPECT_EQ(rng.next(), 3203168211198807973u);
  EXPECT_EQ(rng.next(), 9817491932198370423u);
}

TEST(Random, UniformFillsTheUnitIntervalEvenly) {
  Rng rng(1);
  const int draws = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = rng.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
  }
  // Five standard errors: the deviation of a uniform number is sqrt(1/12), of its square
  // sqrt(4/45).
  EXPECT_NEAR(sum / draws, 0.5, 5 * std::sqrt(1.0 / 12 / draws));
  EXPECT_NEAR(squares / draws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / draws));
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  Rng rng(2);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(rng.below(1), 0u);
}

TEST(Random, MixDependsOnEveryValueAndItsPlace) {
  std::set<std::uint64_t> seeds = {mix({}), mix({0}), mix({0, 0}), mix({1, 2}), mix({2, 1})};
  for (std::uint64_t step = 0; step < 1000; ++step) seeds.insert(mix({7, step}));
  EXPECT_EQ(seeds.size(), 1005u);
}

TEST(Random, ShuffleIsAPermutationOfTheSeed) {
  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  auto first = values, second = values, other = values;
  Rng a(3), b(3), c(4);
  shuffle(first, a);
  shuffle(second, b);
  shuffle(other, c);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  EXPECT_NE(first, values);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(first, values);
}

}  // namespace
}  // namespace tessera
