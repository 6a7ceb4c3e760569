#include "tokenizer/quantizer.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TokenizerConfig small_config(bool l2_normalised) {
  TokenizerConfig config;
  config.codebook_size = 3;
  config.code_size = 2;
  config.l2_normalised = l2_normalised;
  return config;
}

Quantizer quantizer_with(const TokenizerConfig& config, const torch::Tensor& codes) {
  Quantizer quantizer(config);
  quantizer->to(torch::kFloat64);
  quantizer->move_codes(torch::arange(codes.size(0)), codes);
  return quantizer;
}

torch::Tensor grid_of(const torch::Tensor& rows) {  // [T, C] -> [1, C, 1, T]
  return rows.t().reshape({1, rows.size(1), 1, rows.size(0)});
}

const auto kDouble = torch::kFloat64;

TEST(Quantizer, PicksTheNearestCodeInRasterOrder) {
  auto quantizer =
      quantizer_with(small_config(false), torch::tensor({{0., 0.}, {1., 0.}, {0., 2.}}, kDouble));
  const auto coded =
      quantizer(grid_of(torch::tensor({{0.9, 0.2}, {0.1, 1.4}, {0.2, 0.1}}, kDouble)));
  EXPECT_TRUE(torch::equal(coded.codes, torch::tensor({{1, 2, 0}}, torch::kInt64)));
  EXPECT_TRUE(torch::allclose(coded.quantized,
                              grid_of(torch::tensor({{1., 0.}, {0., 2.}, {0., 0.}}, kDouble))));
}

TEST(Quantizer, NormalisedFormComparesDirectionsOnly) {
  auto quantizer =
      quantizer_with(small_config(true), torch::tensor({{5., 0.}, {0., 0.1}, {-1., 0.}}, kDouble));
  const auto coded = quantizer(grid_of(torch::tensor({{0.2, 0.1}, {0.3, 9.0}}, kDouble)));
  EXPECT_TRUE(torch::equal(coded.codes, torch::tensor({{0, 1}}, torch::kInt64)));
  EXPECT_TRUE(torch::allclose(coded.latents.square().sum(1), torch::ones({1, 1, 2}, kDouble)));
}

TEST(Quantizer, LossesMatchHandWorkedValuesAndPullTheirOwnSide) {
  auto quantizer =
      quantizer_with(small_config(false), torch::tensor({{0., 0.}, {1., 0.}, {0., 2.}}, kDouble));
  auto latents = grid_of(torch::tensor({{0.5 + 0.1, 0.2}, {0.0, 1.5}}, kDouble)).requires_grad_();
  const auto coded = quantizer(latents);  // codes 1 and 2; errors (-0.4, 0.2) and (0, -0.5)
  const double expected = (0.16 + 0.04 + 0.25) / 4;
  EXPECT_NEAR(quantizer->commitment_loss(coded).item<double>(), expected, 1e-12);
  EXPECT_NEAR(quantizer->codebook_loss(coded).item<double>(), expected, 1e-12);

  quantizer->commitment_loss(coded).backward();
  EXPECT_FALSE(quantizer->parameters()[0].grad().defined());
  // d/dz mean (z - e)^2 = 2 (z - e) / 4
  EXPECT_TRUE(torch::allclose(
      latents.grad(), grid_of(torch::tensor({{-0.2, 0.1}, {0.0, -0.25}}, kDouble)), 1e-9, 1e-12));

  latents.mutable_grad().reset();
  quantizer->codebook_loss(quantizer(latents)).backward();
  EXPECT_FALSE(latents.grad().defined() && latents.grad().abs().max().item<double>() > 0);
  EXPECT_TRUE(torch::allclose(quantizer->parameters()[0].grad(),
                              torch::tensor({{0., 0.}, {0.2, -0.1}, {0., 0.25}}, kDouble), 1e-9,
                              1e-12));
}

TEST(Quantizer, CommitmentGradientThroughTheUnitSphereMatchesFiniteDifferences) {
  torch::manual_seed(1);
  auto quantizer = quantizer_with(small_config(true), torch::randn({3, 2}, kDouble));
  auto latents = torch::randn({2, 2, 2, 2}, kDouble).requires_grad_();
  quantizer->commitment_loss(quantizer(latents)).backward();
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  for (std::int64_t i = 0; i < latents.numel(); ++i) {
    const auto at = [&](double delta) {
      auto moved = latents.detach().clone();
      moved.view(-1)[i] += delta;
      return quantizer->commitment_loss(quantizer(moved)).item<double>();
    };
    EXPECT_NEAR(latents.grad().reshape(-1)[i].item<double>(),
                (at(kStep) - at(-kStep)) / (2 * kStep), 1e-8);
  }
}

TEST(Quantizer, GradientPassesStraightThrough) {
  auto quantizer =
      quantizer_with(small_config(false), torch::tensor({{0., 0.}, {1., 0.}, {0., 2.}}, kDouble));
  auto latents = torch::randn({1, 2, 2, 2}, kDouble).requires_grad_();
  const auto weights = torch::randn({1, 2, 2, 2}, kDouble);
  (quantizer(latents).quantized * weights).sum().backward();
  EXPECT_TRUE(torch::equal(latents.grad(), weights));
}

}  // namespace
}  // namespace tessera
