#include "metrics/neighbours.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace tessera {
namespace {

torch::Tensor points(const std::vector<double>& x) {  // on a line in the plane
  const auto column = torch::tensor(x, torch::kFloat64);
  return torch::stack({column, torch::zeros_like(column)}, 1);
}

TEST(SampleQuality, OfEqualSetsIsPerfect) {
  torch::manual_seed(1);
  const auto rows = torch::randn({600, 8});  // more than one block
  const auto quality = sample_quality({rows}, {rows});
  EXPECT_EQ(quality.precision, 1);
  EXPECT_EQ(quality.recall, 1);
  EXPECT_EQ(quality.coverage, 1);
  // A closed ball to the 5th neighbour holds six of the points, its centre among them.
  EXPECT_NEAR(quality.density, 6.0 / 5, 1e-2);
}

TEST(SampleQuality, WorkedByHand) {
  // Real at 0 .. 6: the 3rd neighbour lies at 3, 2, 2, 2, 2, 2, 3; the 5th at 5, 4, 3, 3, 3, 4, 5.
  const auto real = points({0, 1, 2, 3, 4, 5, 6});
  // Generated, 3rd neighbour at: 0.5 -> 1.0 away (six share 1 apart at most), the far one at 100
  // - 1.5 = 98.5.
  const auto generated = points({0.5, 0.5, 1.5, 1.5, 0.5, 1.5, 100});
  const auto quality = sample_quality({real}, {generated});
  EXPECT_NEAR(quality.precision, 6.0 / 7, 1e-12);  // 100 is in no ball
  // Balls of 0.5 and 1.5 reach 1 (two others at 0, then 1 away): 0, 1, 2. The ball of 100,
  // radius 98.5, reaches no more than 1.5, so 2 .. 6 are inside as well.
  EXPECT_NEAR(quality.recall, 1, 1e-12);
  // 0.5 lies in the density balls of 0 (5), 1 (4), 2 (3), 3 (3), 4: 3.5 > 3 no, 5: 4.5 > 4 no,
  // 6: 5.5 > 5 no -> 4. 1.5 lies in those of 0, 1, 2, 3, 4 (2.5), 5 (3.5), 6 (4.5) -> 7.  Together
  // 3 * 4 + 3 * 7 = 33 over 5 * 7.
  EXPECT_NEAR(quality.density, 33.0 / 35, 1e-12);
  EXPECT_NEAR(quality.coverage, 1, 1e-12);
}

TEST(SampleQuality, OfACollapsedGeneratorHasPrecisionWithoutRecall) {
  torch::manual_seed(2);
  const auto real = torch::randn({800, 2});
  const auto collapsed = real[0] * 0 + 0.01 * torch::randn({800, 2});
  const auto quality = sample_quality({real}, {collapsed});
  EXPECT_GT(quality.precision, 0.95);
  EXPECT_LT(quality.recall, 0.05);
  EXPECT_LT(quality.coverage, 0.1);
  const auto swapped = sample_quality({collapsed}, {real});
  EXPECT_EQ(swapped.precision, quality.recall);
  EXPECT_EQ(swapped.recall, quality.precision);
}

TEST(SampleQuality, OfStrayingSamplesHasRecallWithoutPrecision) {
  torch::manual_seed(3);
  const auto real = torch::randn({500, 2}), generated = 10 * torch::randn({500, 2});
  const auto quality = sample_quality({real}, {generated});
  EXPECT_LT(quality.precision, 0.2);
  EXPECT_GT(quality.recall, 0.8);
  EXPECT_LT(quality.density, 0.2);
}

TEST(SampleQuality, DoesNotDependOnOrder) {
  torch::manual_seed(4);
  const auto real = torch::randn({700, 5}), generated = torch::randn({530, 5}) + 0.5;
  const auto quality = sample_quality({real}, {generated});
  const auto shuffled = sample_quality({real.index_select(0, torch::randperm(700))},
                                       {generated.index_select(0, torch::randperm(530))});
  EXPECT_EQ(quality.precision, shuffled.precision);
  EXPECT_EQ(quality.recall, shuffled.recall);
  EXPECT_DOUBLE_EQ(quality.density, shuffled.density);
  EXPECT_EQ(quality.coverage, shuffled.coverage);
}

TEST(SampleQuality, RefusesSetsWithoutNeighbours) {
  const auto rows = torch::randn({6, 2});
  EXPECT_EQ(error_of([&] { sample_quality({rows}, {rows}); }), "");
  EXPECT_NE(error_of([&] { sample_quality({rows}, {rows.narrow(0, 0, 5)}); }).find("5 generated"),
            std::string::npos);
}

TEST(NearestDistance, FindsTheNearestOfAllBatchesAndCopiesExactly) {
  torch::manual_seed(5);
  const auto rows = torch::randn({100, 12}) + 30;  // an offset that makes products cancel
  auto queries = torch::randn({7, 12}) + 30;
  queries[3] = rows[61];
  NearestDistance nearest(queries);
  for (const auto& batch : rows.split(33)) nearest.add(batch);
  const auto exact =
      std::get<0>((queries.to(torch::kFloat64).unsqueeze(1) - rows.to(torch::kFloat64))
                      .square()
                      .sum(2)
                      .sqrt()
                      .min(1));
  EXPECT_EQ(nearest.distances()[3].item<double>(), 0);
  // The rough search may settle for a row whose squared distance is within its rounding: 1e-7 x 12
  // x 30^2 x a few.
  EXPECT_TRUE(torch::allclose(nearest.distances(), exact, 2e-3, 0));
}

}  // namespace
}  // namespace tessera
