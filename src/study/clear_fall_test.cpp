#include "study/clear_fall.h"

#include <gmock/gmock.h>

#include <cmath>

#include "study/design_fits.h"
#include "study/synthetic_rows_test.h"

namespace tessera {
namespace {

// Three seeds of three generators at four points: noise about a law of the compute.
std::vector<StudyRow> noisy_rows(const ScalingLaw& law, double noise, std::uint64_t set) {
  auto rows = synthetic_rows({"plain", law, law});
  Rng rng(mix({set, 17}));
  for (auto& row : rows)
    row.metrics["fd"] = law.at(row.generator_flops) * std::exp(noise * normal(rng));
  return rows;
}

int found_to_fall(const ScalingLaw& law, double noise) {
  int falls = 0;
  for (std::uint64_t set = 0; set < 100; ++set)
    falls += falls_beyond_chance(noisy_rows(law, noise, set), "fd", set);
  return falls;
}

// 5% of 100, binomial: three standard deviations more are 11.
TEST(ClearFall, OfFlatNoiseIsAsRareAsItsLevel) {
  EXPECT_LE(found_to_fall({3, -0.5, -99}, 0.02), 11);
}

TEST(ClearFall, OfALawIsFoundThroughNoise) {
  EXPECT_GE(found_to_fall(synthetic_law(0.1, -0.6, 0.5), 0.05), 99);
  EXPECT_GE(found_to_fall(synthetic_law(3, -0.5, 0.5), 0.02), 99);
}

TEST(ClearFall, OfFlatNoiseIsNotFitted) {
  int fitted = 0;
  for (std::uint64_t set = 0; set < 100; ++set)
    fitted += fit_design("plain", noisy_rows({3, -0.5, -99}, 0.02, set), "fd", {.samples = 1})
                  .curve.has_value();
  EXPECT_LE(fitted, 11);
}

}  // namespace
}  // namespace tessera
