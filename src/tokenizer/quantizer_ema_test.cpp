#include "tokenizer/quantizer_ema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "tokenizer/double_quantizer_test.h"

namespace tessera {
namespace {

TokenizerConfig config_of(int codes, double decay, bool l2_normalised = false) {
  TokenizerConfig config;
  config.codebook_size = codes;
  config.code_size = 2;
  config.quantizer = QuantizerKind::ema;
  config.codebook_decay = decay;
  config.l2_normalised = l2_normalised;
  return config;
}

void learn(Quantizer& quantizer, const torch::Tensor& rows) {
  quantizer->observe(quantizer(grid_of(rows)));
  quantizer->update_codes();
}

torch::Tensor weight_of(const Quantizer& quantizer) { return quantizer->parameters()[0].detach(); }

TEST(EmaQuantizer, MatchesAHandWorkedStep) {
  auto quantizer =
      quantizer_with(config_of(3, 0.75), torch::tensor({{0., 0.}, {4., 0.}, {0., 9.}}, kDouble));
  learn(quantizer, torch::tensor({{5., 1.}, {3., 1.}, {4., -1.}, {1., 1.}}, kDouble));
  // Chosen 1, 3 and 0 times: N = 3/4 + 1/4 n.
  const auto counts = torch::tensor({1.0, 1.5, 0.75}, kDouble);
  EXPECT_TRUE(torch::allclose(quantizer->statistics().at("counts"), counts, 1e-12));
  // m = 3/4 e + 1/4 sum of z; without smoothing e = m / N.
  const auto sums = torch::tensor({{0.25, 0.25}, {3 + 3.0, 0.25}, {0., 6.75}}, kDouble);
  const double total = 3.25;
  const auto smoothed = (counts + 1e-5) / (total + 3e-5) * total;
  EXPECT_TRUE(torch::allclose(weight_of(quantizer), sums / smoothed.unsqueeze(1), 1e-12, 1e-15));
  EXPECT_TRUE(torch::allclose(
      weight_of(quantizer), torch::tensor({{0.25, 0.25}, {4., 1. / 6}, {0., 9.}}, kDouble), 1e-4));
}

// Appendix A.1 with its sums kept, as other programs do.
class BothForms : public testing::TestWithParam<bool> {};

TEST_P(BothForms, IsTheAlgorithmThatKeepsTheSums) {
  torch::manual_seed(1);
  const bool l2_normalised = GetParam();
  const auto unit = [&](const torch::Tensor& x) {
    return l2_normalised ? x / x.norm(2, 1, true) : x;
  };
  auto codes = torch::randn({6, 2}, kDouble);
  auto quantizer = quantizer_with(config_of(6, 0.9, l2_normalised), codes);
  auto counts = torch::ones({6}, kDouble);
  auto sums = codes.clone();
  for (int step = 0; step < 30; ++step) {
    const auto rows = torch::randn({10, 2}, kDouble);
    learn(quantizer, rows);
    const auto chosen = (unit(rows).unsqueeze(1) - unit(codes)).square().sum(2).argmin(1);
    const auto one_hot = torch::one_hot(chosen, 6).to(kDouble);  // [10, 6]
    counts = 0.9 * counts + 0.1 * one_hot.sum(0);
    sums = 0.9 * sums + 0.1 * one_hot.t().mm(unit(rows));
    const auto total = counts.sum();
    codes = sums / ((counts + 1e-5) / (total + 6e-5) * total).unsqueeze(1);
  }
  EXPECT_TRUE(torch::allclose(weight_of(quantizer), codes, 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(quantizer->statistics().at("counts"), counts, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(, BothForms, testing::Bool());

TEST(EmaQuantizer, AStepMayComeInSeveralBatches) {
  torch::manual_seed(2);
  const auto codes = torch::randn({4, 2}, kDouble), rows = torch::randn({10, 2}, kDouble);
  auto whole = quantizer_with(config_of(4, 0.9), codes);
  learn(whole, rows);
  auto parts = quantizer_with(config_of(4, 0.9), codes);
  for (const auto& part : rows.split(3)) parts->observe(parts(grid_of(part)));
  parts->update_codes();
  EXPECT_TRUE(torch::allclose(weight_of(parts), weight_of(whole), 1e-12));
  EXPECT_TRUE(torch::equal(parts->statistics().at("counts"), whole->statistics().at("counts")));
}

TEST(EmaQuantizer, CodesThatNothingChoosesStay) {
  auto quantizer =
      quantizer_with(config_of(2, 0.9), torch::tensor({{0., 1.}, {50., 60.}}, kDouble));
  for (int step = 0; step < 20; ++step) learn(quantizer, torch::tensor({{0.5, 0.5}}, kDouble));
  EXPECT_TRUE(torch::allclose(weight_of(quantizer)[1], torch::tensor({50., 60.}, kDouble), 1e-3));
}

// A code whose count had sunk to almost nothing would otherwise jump onto the first latent.
TEST(EmaQuantizer, AMovedCodeStartsItsStatisticsAnew) {
  auto quantizer =
      quantizer_with(config_of(2, 0.5), torch::tensor({{0., 0.}, {99., 99.}}, kDouble));
  for (int step = 0; step < 12; ++step) learn(quantizer, torch::tensor({{0.1, 0.}}, kDouble));
  EXPECT_LT(quantizer->statistics().at("counts")[1].item<double>(), 1e-3);
  quantizer->move_codes(torch::tensor({1}), torch::tensor({{10., 0.}}, kDouble));
  EXPECT_EQ(quantizer->statistics().at("counts")[1].item<double>(), 1);
  learn(quantizer, torch::tensor({{12., 0.}}, kDouble));
  EXPECT_NEAR(weight_of(quantizer)[1][0].item<double>(), 11, 1e-3);  // half old, half new
}

TEST(EmaQuantizer, StatisticsGoOnWhereTheyWere) {
  torch::manual_seed(3);
  const auto codes = torch::randn({4, 2}, kDouble);
  auto first = quantizer_with(config_of(4, 0.9), codes),
       second = quantizer_with(config_of(4, 0.9), codes);
  learn(first, torch::randn({10, 2}, kDouble));
  load_tensors(*second, tensors_of(*first), "test");
  second->load_statistics(first->statistics(), "test");
  const auto rows = torch::randn({10, 2}, kDouble);
  learn(first, rows), learn(second, rows);
  EXPECT_TRUE(torch::equal(weight_of(first), weight_of(second)));
}

TEST(EmaQuantizer, AStepThatIsTakenBackLeavesNothing) {
  torch::manual_seed(3);
  const auto codes = torch::randn({4, 2}, kDouble);
  auto quantizer = quantizer_with(config_of(4, 0.9), codes);
  const auto statistics = quantizer->statistics();
  quantizer->observe(quantizer(grid_of(torch::full({10, 2}, 1e30, kDouble))));
  quantizer->load_statistics(statistics, "test");  // a roll-back, before codes moved
  quantizer->update_codes();
  EXPECT_TRUE(torch::equal(weight_of(quantizer), codes));
}

TEST(EmaQuantizer, RefusesStatisticsOfAnotherCodebook) {
  auto quantizer = make_quantizer(config_of(4, 0.9));
  EXPECT_EQ(error_of([&] { quantizer->load_statistics({}, "there"); }),
            "there: tensor 'quantizer.counts' is missing");
  EXPECT_EQ(error_of([&] {
              quantizer->load_statistics({{"counts", torch::ones({5})}}, "there");
            }),
            "there: tensor 'quantizer.counts' has 5 values, expected 4");
}

}  // namespace
}  // namespace tessera
