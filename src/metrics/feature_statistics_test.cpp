#include "metrics/feature_statistics.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace tessera {
namespace {

torch::Tensor doubles(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

FeatureStatistics statistics_of(const torch::Tensor& rows) {
  FeatureStatistics statistics;
  statistics.add(rows);
  return statistics;
}

TEST(FeatureStatistics, DoNotDependOnBatchesOrOrder) {
  torch::manual_seed(1);
  const auto rows =
      torch::randn({1000, 6}, torch::kFloat64) + 1e4;  // far from 0, where plain sums cancel
  const auto whole = statistics_of(rows);
  FeatureStatistics parts;
  for (const auto& part :
       rows.index_select(0, torch::randperm(1000)).split_with_sizes({1, 0, 700, 299}))
    parts.add(part);
  EXPECT_EQ(parts.count(), 1000);
  EXPECT_TRUE(torch::allclose(whole.mean(), parts.mean(), 1e-14, 0));
  EXPECT_TRUE(torch::allclose(whole.covariance(), parts.covariance(), 0, 1e-10));
  EXPECT_TRUE(torch::allclose(whole.covariance(), torch::cov(rows.t()), 0, 1e-10));
}

TEST(FrechetDistance, OfEqualSetsIsZero) {
  torch::manual_seed(2);
  const auto rows = torch::randn({500, 20});
  // Rounding enters under a square root of eigenvalues: sqrt(1e-16) at worst for those that are 0,
  // none of which are here.
  EXPECT_NEAR(frechet_distance(statistics_of(rows), statistics_of(rows.flip(0))), 0, 1e-10);
  // Fewer rows than features: most eigenvalues are 0.
  const auto few = rows.narrow(0, 0, 10);
  EXPECT_NEAR(frechet_distance(statistics_of(few), statistics_of(few)), 0, 1e-5);
}

TEST(FrechetDistance, IsNeverNegative) {
  for (int seed = 0; seed < 40; ++seed) {  // about half of these round to below 0
    torch::manual_seed(seed);
    const auto rows = torch::randn({6, 64});
    EXPECT_GE(frechet_distance(statistics_of(rows), statistics_of(rows)), 0);
  }
  const auto mean = doubles({NAN}), covariance = doubles({1}).view({1, 1});
  EXPECT_TRUE(std::isnan(frechet_distance(mean, covariance, mean, covariance)));
}

TEST(FrechetDistance, FewerSamplesThanDimensionsIsAWarningThatStatesTheBias) {
  torch::manual_seed(6);
  nlohmann::json few, enough;
  add_frechet_distance(few, statistics_of(torch::randn({100, 16})),
                       statistics_of(torch::randn({16, 16})));
  // Variances of 1: 16 / 100 + 16 / 16, with a tolerance for 16 x 15 degrees of freedom.
  EXPECT_NEAR(few["fd_bias"].get<double>(), 1.16, 4 * std::sqrt(2.0 / (16 * 15)));
  EXPECT_GT(few["fd"].get<double>(), few["fd_bias"].get<double>());
  ASSERT_EQ(few["warnings"].size(), 1u);
  EXPECT_NE(few["warnings"][0].get<std::string>().find("16 images for 16 feature dimensions"),
            std::string::npos);
  add_frechet_distance(enough, statistics_of(torch::randn({17, 16})),
                       statistics_of(torch::randn({17, 16})));
  EXPECT_FALSE(enough.contains("warnings"));
  EXPECT_EQ(enough["fd_features"], 16);
}

TEST(FrechetDistance, OfCommutingGaussiansIsTheSumOverAxes) {
  const auto mean1 = doubles({1, 2, 3}), mean2 = doubles({1, 0, 4});
  const auto sd1 = doubles({1, 2, 3}), sd2 = doubles({2, 2, 0.5});
  // Sum over axes of (m1 - m2)^2 + (s1 - s2)^2 = (0 + 4 + 1) + (1 + 0 + 6.25)
  EXPECT_NEAR(frechet_distance(mean1, sd1.square().diag(), mean2, sd2.square().diag()), 12.25,
              1e-12);
}

TEST(FrechetDistance, OfGaussiansThatDoNotCommuteMatchesTheClosedForm) {
  // In two dimensions tr((AB)^(1/2)) = sqrt(tr(AB) + 2 sqrt(det(A) det(B))).
  const auto a = doubles({2, 0.5, 0.5, 1}).view({2, 2}),
             b = doubles({1, -0.8, -0.8, 3}).view({2, 2});
  const double trace = a.matmul(b).trace().item<double>();
  const double cross = std::sqrt(trace + 2 * std::sqrt((2 - 0.25) * (3 - 0.64)));
  const auto zero = torch::zeros({2}, torch::kFloat64);
  EXPECT_NEAR(frechet_distance(zero, a, zero, b), 7 - 2 * cross, 1e-12);
  EXPECT_NEAR(frechet_distance(zero, b, zero, a), 7 - 2 * cross, 1e-12);
  EXPECT_GT((a.matmul(b) - b.matmul(a)).abs().max().item<double>(), 0.1);
}

TEST(FrechetDistance, OfSamplesApproachesTheGaussians) {
  torch::manual_seed(3);
  const auto a = torch::randn({40000, 3}), b = 2 * torch::randn({40000, 3}) + 1;
  // 3 (1^2 + (2 - 1)^2) = 6; each mean varies by 2/sqrt(40000) = 0.01, entering twice: 0.02 an
  // axis; four of these.
  EXPECT_NEAR(frechet_distance(statistics_of(a), statistics_of(b)), 6, 0.16);
}

TEST(FeatureStatistics, SurviveAFile) {
  torch::manual_seed(4);
  TemporaryFolder folder;
  const auto written = statistics_of(torch::randn({50, 4}));
  written.save(folder / "real.safetensors", "net", "images");
  const auto read = FeatureStatistics::load(folder / "real.safetensors", "net");
  EXPECT_EQ(read.count(), 50);
  EXPECT_TRUE(torch::equal(read.mean(), written.mean()));
  EXPECT_TRUE(torch::allclose(read.covariance(), written.covariance(), 1e-14, 0));
  EXPECT_NE(error_of([&] {
              FeatureStatistics::load(folder / "real.safetensors", "other");
            }).find("feature_space"),
            std::string::npos);
}

TEST(FeatureStatistics, RefuseDamagedFiles) {
  torch::manual_seed(5);
  TemporaryFolder folder;
  statistics_of(torch::randn({50, 4})).save(folder / "good.safetensors", "net", "images");
  const auto bytes = read_file(folder / "good.safetensors");
  EXPECT_GT(read_damaged(bytes, folder / "bad.safetensors", 300,
                         [&] { FeatureStatistics::load(folder / "bad.safetensors", "net"); }),
            0);
}

}  // namespace
}  // namespace tessera
