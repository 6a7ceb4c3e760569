#include "study/comparison.h"

#include <gmock/gmock.h>

#include <cmath>

#include "study/design_fits.h"
#include "study/synthetic_rows_test.h"

namespace tessera {
namespace {

// Of a law known but for a factor of its own in each of 400 samples.
DesignCurve curve_of(const ScalingLaw& law, double noise, std::uint64_t seed) {
  DesignCurve curve{.design = std::to_string(seed),
                    .tokenizer_flops = 1e13,
                    .lowest_flops = 2e13,
                    .highest_flops = 1e15,
                    .fit = {.law = law}};
  Rng rng(seed);
  for (int i = 0; i < 400; ++i) {
    const double factor = std::exp(noise * normal(rng));
    curve.fit.samples.push_back(
        {{law.l_min * factor, law.alpha, law.lambda + std::log(factor)}, 0});
  }
  return curve;
}

ScalingLaw law_of(double l_min, double alpha, double above) {
  return {l_min, alpha, std::log(above) - alpha * std::log(1e14)};
}

TEST(Comparison, OfComputeAtEqualQualityIsWithAndWithoutTheTokenizer) {
  const auto plain = curve_of(law_of(1, -0.5, 1), 0.01, 1);
  const auto crt = curve_of(law_of(1, -0.5, std::pow(3, -0.5)), 0.01, 2);
  // 1.5 takes plain 4e14 and crt a third of that, on top of 1e13 each.
  const auto [ratio, of_generator] = compute_ratio(crt, plain, 1.5);
  EXPECT_NEAR(ratio.value, 41e13 / (40e13 / 3 + 1e13), 1e-9);
  EXPECT_LT(ratio.low, ratio.value);
  EXPECT_GT(ratio.high, ratio.value);
  EXPECT_GT(ratio.low, 2);  // 1% of the value is 12% of the compute there
  EXPECT_LT(ratio.high, 4);
  EXPECT_NEAR(compute_ratio(plain, crt, 1.5).both_stages.value, 1 / ratio.value, 1e-12);
  EXPECT_NEAR(of_generator.value, 3, 1e-9);
  EXPECT_LT(of_generator.low, 3);
  EXPECT_GT(of_generator.high, 3);
}

TEST(Comparison, OfAQualityThatOneNeverReachesIsUnbounded) {
  const auto plain = curve_of(law_of(1, -0.5, 1), 0.01, 1);
  const auto crt = curve_of(law_of(0.5, -0.5, 1), 0.01, 2);
  const auto [ratio, of_generator] = compute_ratio(crt, plain, 0.9);
  EXPECT_TRUE(std::isinf(of_generator.value));
  EXPECT_TRUE(std::isinf(ratio.value) && std::isinf(ratio.low));
  EXPECT_EQ(compute_ratio(plain, crt, 0.9).both_stages.value, 0);
  EXPECT_TRUE(to_json(ratio)["high"].is_null());
  EXPECT_EQ(compute_ratio(plain, crt, 0.1).generator.value, 1);
}

TEST(Comparison, IsOfTheQualitiesThatBothReach) {
  const auto plain = curve_of(law_of(1, -0.5, 1), 0, 1);
  const auto crt = curve_of(law_of(0.8, -0.5, 1), 0, 2);
  const auto range = common_quality(crt, plain);
  ASSERT_TRUE(range);
  EXPECT_DOUBLE_EQ(range->best, plain.at(plain.fit.law, 1e15));
  EXPECT_DOUBLE_EQ(range->worst, crt.at(crt.fit.law, 2e13));
  EXPECT_FALSE(common_quality(plain, curve_of(law_of(9, -0.5, 1), 0, 3)));
}

// From rows to the ratio: of 100 studies, binomial, three standard deviations below 95% are 88.5%.
TEST(Comparison, HoldsTheTrueRatioInItsInterval) {
  const double half = std::pow(2, -0.6);
  int holds = 0;
  for (std::uint64_t set = 0; set < 100; ++set) {
    const auto curve = [&](const std::string& name, double above) {
      const auto rows = synthetic_rows({.name = name,
                                        .fd = synthetic_law(0.1, -0.6, above),
                                        .nats = synthetic_law(1, -0.4, 1),
                                        .by_seed = 0.03,
                                        .by_point = 0.02,
                                        .noise = set});
      return fit_design(name, rows, "fd", {.samples = 100, .seed = set}).curve.value();
    };
    const auto ratio = compute_ratio(curve("crt", 0.5 * half), curve("plain", 0.5), 0.25).generator;
    holds += ratio.low <= 2 && 2 <= ratio.high;
  }
  EXPECT_GE(holds, 88);
}

TEST(CrossOver, IsWhereTheSteeperCurveBecomesTheBetterOne) {
  const auto flat = curve_of(law_of(1, -0.25, 1), 0.01, 1);
  const auto steep = curve_of(law_of(1, -0.5, 1), 0.01, 2);  // they meet at 1e14 + the tokenizer
  for (const bool swapped : {false, true}) {
    const auto crossing = swapped ? cross_over(steep, flat) : cross_over(flat, steep);
    ASSERT_TRUE(crossing);
    EXPECT_EQ(crossing->first_is_better_above, swapped);
    EXPECT_TRUE(crossing->is_decided());
    EXPECT_NEAR(crossing->flops.value, 1.1e14, 1e8);
    EXPECT_GT(crossing->flops.low, 0.8e14);  // 1.4% of difference where slopes differ by 1/8
    EXPECT_LT(crossing->flops.low, 1.1e14);
    EXPECT_GT(crossing->flops.high, 1.1e14);
    EXPECT_LT(crossing->flops.high, 1.5e14);
  }
}

TEST(CrossOver, OfCurvesThatMayNotMeetHasOpenEnds) {
  const auto flat = curve_of(law_of(1, -0.25, 1), 0.3, 1);
  const auto crossing = cross_over(flat, curve_of(law_of(1, -0.5, 1), 0.3, 2));
  ASSERT_TRUE(crossing);
  EXPECT_EQ(crossing->flops.low, 0);
  EXPECT_TRUE(std::isinf(crossing->flops.high));
  EXPECT_FALSE(crossing->is_decided());
}

TEST(CrossOver, IsNoneWhereTheSameOneIsBetterAtBothEnds) {
  // They meet at about 6 and 90 times 1e13.
  const auto slow = curve_of({0.10, -0.3, 0.3 * std::log(1e13)}, 0, 1);
  const auto fast = curve_of({0.35, -1.5, std::log(5) + 1.5 * std::log(1e13)}, 0, 2);
  auto a = slow, b = fast;
  a.highest_flops = b.highest_flops = 3e15;
  EXPECT_LT(a.at(a.fit.law, 2e13), b.at(b.fit.law, 2e13));
  EXPECT_GT(a.at(a.fit.law, 3e14), b.at(b.fit.law, 3e14));
  EXPECT_LT(a.at(a.fit.law, 2e15), b.at(b.fit.law, 2e15));
  EXPECT_FALSE(cross_over(a, b));
  EXPECT_FALSE(cross_over(b, a));
}

TEST(CrossOver, IsNoneOutsideWhatWasMeasuredOfBoth) {
  EXPECT_FALSE(cross_over(curve_of(law_of(1, -0.5, 1), 0, 1), curve_of(law_of(2, -0.5, 1), 0, 2)));
  auto late = curve_of(law_of(1, -0.25, 1), 0, 3), steep = curve_of(law_of(1, -0.5, 1), 0, 4);
  late.lowest_flops = 2e14;  // beyond 1.1e14, where they meet
  EXPECT_FALSE(cross_over(late, steep));
  late.lowest_flops = 2e15, late.highest_flops = 4e15;  // nothing in common
  EXPECT_FALSE(cross_over(late, steep));
}

}  // namespace
}  // namespace tessera
