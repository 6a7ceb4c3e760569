#include "study/iso_flops.h"

#include <gmock/gmock.h>

#include "study/pareto.h"

namespace tessera {
namespace {

using testing::ElementsAre;

StudyRow row_of(const std::string& generator, std::uint64_t seed, double flops, double fd) {
  StudyRow row{.run = generator + std::to_string(seed), .generator = generator, .seed = seed};
  row.generator_parameters = generator == "small" ? 1 : 2;
  row.tokenizer_flops = 9e15, row.generator_flops = flops;
  row.metrics = {{"fd", fd}};
  return row;
}

const std::vector<StudyRow> kRows = {row_of("large", 1, 1e14, 9), row_of("large", 1, 1e15, 3),
                                     row_of("small", 1, 1e13, 8), row_of("small", 1, 1e15, 4),
                                     row_of("small", 2, 1e13, 6), row_of("small", 2, 1e14, 5)};

TEST(IsoFlops, InterpolateInTheLogarithmAndAverageSeeds) {
  const auto curve = iso_flops_curve(kRows, "fd", 1e14);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].generator, "small");
  EXPECT_NEAR(curve[0].value, 5.5, 1e-9);  // 6 of one seed, halfway from 8 to 4; 5 of the other
  EXPECT_EQ(curve[0].seeds, 2);
  EXPECT_EQ(curve[1].value, 9);
  EXPECT_EQ(curve[1].parameters, 2);
}

TEST(IsoFlops, NeverExtrapolate) {
  const auto curve = iso_flops_curve(kRows, "fd", 5e14);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].seeds, 1);
  EXPECT_TRUE(iso_flops_curve(kRows, "fd", 2e15).empty());
  EXPECT_TRUE(iso_flops_curve(kRows, "fd", 9e12).empty());
  EXPECT_TRUE(iso_flops_curve(kRows, "nats_per_token", 1e14).empty());
}

TEST(IsoFlops, StandWhereTwoGeneratorsMeet) {
  EXPECT_THAT(iso_flops_levels(kRows, "fd"), ElementsAre(1e14, 1.25e14, 1.6e14, 2e14, 2.5e14,
                                                         3.15e14, 4e14, 5e14, 6.3e14, 8e14, 1e15));
  EXPECT_TRUE(iso_flops_levels({kRows[0], kRows[1]}, "fd").empty());
  EXPECT_TRUE(iso_flops_levels({}, "fd").empty());
}

TEST(ParetoFront, HoldsWhatNothingCheaperBeats) {
  // By compute: 6 (and 8), 5 (and 9), 3 (and 4).
  EXPECT_THAT(pareto_front(kRows, "fd"), ElementsAre(4, 5, 1));
  EXPECT_TRUE(pareto_front(kRows, "nats_per_token").empty());
  EXPECT_THAT(pareto_front({row_of("small", 1, 1e13, 2), row_of("small", 2, 1e13, 2),
                            row_of("small", 1, 2e13, 2)},
                           "fd"),
              ElementsAre(0));
}

}  // namespace
}  // namespace tessera
