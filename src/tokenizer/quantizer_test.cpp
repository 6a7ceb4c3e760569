#include "tokenizer/quantizer.h"

#include <gtest/gtest.h>

#include "base/settings.h"
#include "tokenizer/double_quantizer_test.h"
#include "tokenizer/numeric_gradient_test.h"

namespace tessera {
namespace {

TokenizerConfig config_of(QuantizerKind kind, bool l2_normalised, CodeGradient gradient) {
  TokenizerConfig config;
  config.codebook_size = 3;
  config.code_size = 2;
  config.quantizer = kind;
  config.l2_normalised = l2_normalised;
  config.gradient = gradient;
  return config;
}

torch::Tensor rows_of(const torch::Tensor& grid) {  // [B, C, h, w] -> [B h w, C]
  return grid.permute({0, 2, 3, 1}).flatten(0, 2);
}

torch::Tensor unit_rows(const torch::Tensor& rows) {
  return rows / rows.square().sum(1, true).sqrt();
}

torch::Tensor three_codes() { return torch::tensor({{0., 0.}, {1., 0.}, {0., 2.}}, kDouble); }

const TokenizerConfig kPlain = config_of(QuantizerKind::vq, false, CodeGradient::straight_through);

TEST(Quantizer, PicksTheNearestCodeInRasterOrder) {
  auto quantizer = quantizer_with(kPlain, three_codes());
  const auto coded =
      quantizer(grid_of(torch::tensor({{0.9, 0.2}, {0.1, 1.4}, {0.2, 0.1}}, kDouble)));
  EXPECT_TRUE(torch::equal(coded.codes, torch::tensor({{1, 2, 0}}, torch::kInt64)));
  EXPECT_TRUE(torch::allclose(coded.quantized,
                              grid_of(torch::tensor({{1., 0.}, {0., 2.}, {0., 0.}}, kDouble))));
}

TEST(Quantizer, LossesMatchHandWorkedValuesAndPullTheirOwnSide) {
  auto quantizer = quantizer_with(kPlain, three_codes());
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

class EveryQuantizer
    : public testing::TestWithParam<std::tuple<QuantizerKind, bool, CodeGradient>> {
 protected:
  TokenizerConfig config() const {
    const auto& [kind, l2_normalised, gradient] = GetParam();
    return config_of(kind, l2_normalised, gradient);
  }
  bool l2_normalised() const { return std::get<1>(GetParam()); }
  bool learns_by_gradient() const { return std::get<0>(GetParam()) == QuantizerKind::vq; }
  // 20 codes of 3 numbers, of unequal length.
  Quantizer random_quantizer() const {
    torch::manual_seed(1);
    return quantizer_with(config(), torch::randn({20, 3}, kDouble));
  }
  torch::Tensor compared(const torch::Tensor& rows) const {
    return l2_normalised() ? unit_rows(rows) : rows;
  }
  static torch::Tensor random_latents() {
    torch::manual_seed(2);
    return torch::randn({2, 3, 4, 4}, kDouble).requires_grad_();
  }
};

TEST_P(EveryQuantizer, NearestIsNearest) {
  auto quantizer = random_quantizer();
  const auto latents = random_latents();
  const auto coded = quantizer(latents);
  EXPECT_EQ(coded.codes.sizes().vec(), (std::vector<std::int64_t>{2, 16}));
  const auto rows = compared(rows_of(latents)), codes = compared(quantizer->parameters()[0]);
  const auto distances = (rows.unsqueeze(1) - codes).square().sum(2);
  EXPECT_TRUE(torch::equal(coded.codes.flatten(), distances.argmin(1)));
  EXPECT_TRUE(torch::equal(quantizer->nearest(rows), distances.argmin(1)));
  EXPECT_TRUE(torch::allclose(rows_of(coded.latents), rows, 1e-12, 1e-12));
  EXPECT_TRUE(torch::allclose(coded.codebook, codes, 1e-12, 1e-12));
  EXPECT_FALSE(coded.codebook.requires_grad());
}

TEST_P(EveryQuantizer, LookUpIsTheInverseOfNearest) {
  auto quantizer = random_quantizer();
  const auto all = torch::arange(20);
  EXPECT_TRUE(torch::equal(quantizer->nearest(quantizer->look_up(all)), all));
  const auto coded = quantizer(random_latents());
  EXPECT_TRUE(torch::allclose(rows_of(coded.quantized), quantizer->look_up(coded.codes.flatten()),
                              0, 1e-15));
  if (config().gradient == CodeGradient::rotation) {
    EXPECT_TRUE(torch::equal(rows_of(coded.quantized), quantizer->look_up(coded.codes.flatten())));
  }
}

// LlamaGen's look-up: latents and codes are compared, and handed to the decoder, at unit length.
TEST_P(EveryQuantizer, NormalisedFormComparesDirectionsOnly) {
  auto quantizer =
      quantizer_with(config(), torch::tensor({{5., 0.}, {0., 0.1}, {-1., 0.}}, kDouble));
  const auto coded = quantizer(grid_of(torch::tensor({{0.2, 0.1}, {0.3, 9.0}}, kDouble)));
  const auto expected = l2_normalised() ? torch::tensor({{1., 0.}, {0., 1.}}, kDouble)
                                        : torch::tensor({{0., 0.1}, {0., 0.1}}, kDouble);
  EXPECT_TRUE(torch::allclose(rows_of(coded.quantized), expected, 0, 1e-12));
}

// The decoder's gradient goes through the unit sphere after it has crossed the quantizer.
TEST_P(EveryQuantizer, PassesTheDecodersGradient) {
  auto quantizer = random_quantizer();
  const auto latents = random_latents();
  const auto coded = quantizer(latents);
  const auto arriving = torch::randn({2, 3, 4, 4}, kDouble);
  (coded.quantized * arriving).sum().backward();
  EXPECT_FALSE(quantizer->parameters()[0].grad().defined());

  auto passed = rows_of(arriving).clone();
  if (config().gradient == CodeGradient::rotation)
    for (std::int64_t row = 0; row < passed.size(0); ++row) {  // with its matrix written out
      const auto z = rows_of(coded.latents.detach())[row],
                 e = coded.codebook[coded.codes.flatten()[row].item<std::int64_t>()];
      const auto u = z / z.norm(), v = e / e.norm(), r = (u + v) / (u + v).norm();
      const auto rotation =
          torch::eye(3, kDouble) - 2 * torch::outer(r, r) + 2 * torch::outer(v, u);
      EXPECT_TRUE(torch::allclose(rotation.mv(z) * (e.norm() / z.norm()), e, 1e-9, 1e-12));
      passed[row] = (rotation * (e.norm() / z.norm())).t().mv(passed[row]);
    }
  auto again = latents.detach().clone().requires_grad_();
  (compared(rows_of(again)) * passed).sum().backward();
  EXPECT_LT(largest_difference(latents.grad(), again.grad()), 1e-12);
}

TEST_P(EveryQuantizer, CommitmentGradientMatchesFiniteDifferences) {
  auto quantizer = random_quantizer();
  const auto latents = random_latents();
  quantizer->commitment_loss(quantizer(latents)).backward();
  const auto numeric = numeric_gradient(latents, [&](const torch::Tensor& moved) {
    return quantizer->commitment_loss(quantizer(moved)).item<double>();
  });
  EXPECT_LT(largest_difference(latents.grad(), numeric), kNumericTolerance);
}

TEST_P(EveryQuantizer, CodesLearnByGradientOrNotAtAll) {
  auto quantizer = random_quantizer();
  const auto coded = quantizer(random_latents());
  auto codes = quantizer->parameters()[0];
  (quantizer->codebook_loss(coded) + quantizer->commitment_loss(coded) +
   quantizer->entropy_loss(coded, 0.5))
      .backward();
  ASSERT_EQ(codes.grad().defined(), learns_by_gradient());
  if (!learns_by_gradient()) return;
  const auto kept = codes.detach().clone();
  const auto numeric = numeric_gradient(kept, [&](const torch::Tensor& moved) {
    codes.copy_(moved);
    return (quantizer->codebook_loss(coded) + quantizer->entropy_loss(coded, 0.5)).item<double>();
  });
  EXPECT_LT(largest_difference(codes.grad(), numeric), kNumericTolerance);
}

TEST_P(EveryQuantizer, EntropyLossReachesTheLatents) {
  auto quantizer = random_quantizer();
  const auto latents = random_latents();
  quantizer->entropy_loss(quantizer(latents), 0.5).backward();
  const auto numeric = numeric_gradient(latents, [&](const torch::Tensor& moved) {
    return quantizer->entropy_loss(quantizer(moved), 0.5).item<double>();
  });
  EXPECT_LT(largest_difference(latents.grad(), numeric), kNumericTolerance);
}

TEST_P(EveryQuantizer, OnlyStatisticsMoveCodesWithoutAnOptimizer) {
  auto quantizer = random_quantizer();
  const auto before = quantizer->parameters()[0].detach().clone();
  quantizer->update_codes();  // nothing was observed
  EXPECT_TRUE(torch::equal(quantizer->parameters()[0], before));
  quantizer->observe(quantizer(random_latents()));
  quantizer->update_codes();
  EXPECT_EQ(torch::equal(quantizer->parameters()[0], before), learns_by_gradient());
  EXPECT_EQ(quantizer->statistics().empty(), learns_by_gradient());
}

TEST_P(EveryQuantizer, MovedCodesAreWhereTheyWerePut) {
  auto quantizer = random_quantizer();
  quantizer->observe(quantizer(random_latents()));
  quantizer->update_codes();
  const auto place = torch::tensor({{3., 4., 0.}}, kDouble);
  quantizer->move_codes(torch::tensor({7}), place);
  EXPECT_EQ(quantizer->nearest(compared(place)).item<std::int64_t>(), 7);
  EXPECT_TRUE(torch::allclose(quantizer->look_up(torch::tensor({7})), compared(place)));
}

// Names and shapes in model folders and published checkpoints.
TEST_P(EveryQuantizer, HoldsOneTensor) {
  const auto tensors = tensors_of(*make_quantizer(config()));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors.at("embedding.weight").sizes().vec(), (std::vector<std::int64_t>{3, 2}));
}

std::string name_of_case(const testing::TestParamInfo<EveryQuantizer::ParamType>& info) {
  const auto& [kind, l2_normalised, gradient] = info.param;
  return choice_name(kind) + (l2_normalised ? "_normalised_" : "_plain_") + choice_name(gradient);
}

INSTANTIATE_TEST_SUITE_P(
    , EveryQuantizer,
    testing::Combine(testing::Values(QuantizerKind::vq, QuantizerKind::ema), testing::Bool(),
                     testing::Values(CodeGradient::straight_through, CodeGradient::rotation)),
    name_of_case);

}  // namespace
}  // namespace tessera
