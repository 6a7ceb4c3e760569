#include "tokenizer/causal_regularizer.h"

#include <gtest/gtest.h>

#include "tokenizer/numeric_gradient_test.h"

namespace tessera {
namespace {

constexpr int kCodeSize = 3, kSide = 3;

RegularizerConfig small_config() {
  RegularizerConfig config;
  config.weight = 1;
  config.depth = 2;
  config.width = 8;
  config.heads = 2;
  return config;
}

Coded coded_from(const torch::Tensor& latents) {
  const auto rounded = (latents * 2).round() / 2;
  return {latents, latents + (rounded - latents).detach(), {}};
}

CausalRegularizer regularizer_in_double(const RegularizerConfig& config) {
  torch::manual_seed(3);
  CausalRegularizer regularizer(config, kCodeSize, kSide * kSide);
  regularizer->to(torch::kFloat64);
  return regularizer;
}

torch::Tensor random_latents() {
  torch::manual_seed(5);
  return torch::randn({2, kCodeSize, kSide, kSide}, torch::kFloat64).requires_grad_();
}

torch::Tensor raster(const torch::Tensor& grid) { return grid.flatten(2).transpose(1, 2); }

TEST(CausalRegularizer, AnEarlierPredictionNeverSeesALaterLatent) {
  auto regularizer = regularizer_in_double(small_config());
  const auto before = torch::randn({1, 8, kCodeSize}, torch::kFloat64);
  auto changed = before.clone();
  changed.slice(1, 5) += 1;
  const auto a = regularizer->predict(before), b = regularizer->predict(changed);
  EXPECT_TRUE(torch::equal(a.slice(1, 0, 5), b.slice(1, 0, 5)));
  EXPECT_FALSE(torch::equal(a.slice(1, 5), b.slice(1, 5)));
}

TEST(CausalRegularizer, PlainLossIsTheMeanSquaredError) {
  const auto predicted = torch::tensor({{{1.0, 2.0}, {0.0, 0.0}}}),
             target = torch::tensor({{{0.0, 0.0}, {3.0, 0.0}}});
  EXPECT_DOUBLE_EQ(next_latent_loss(predicted, target, false).item<double>(), (1 + 4 + 9) / 4.0);
}

TEST(CausalRegularizer, NormalisedLossDoesNotChangeWhenLatentsBunch) {
  const auto predicted = torch::randn({2, 4, 3}, torch::kFloat64),
             target = torch::randn({2, 4, 3}, torch::kFloat64);
  const double loss = next_latent_loss(predicted, target, true).item<double>();
  const double bunched = next_latent_loss(0.1 * predicted, 0.1 * target, true).item<double>();
  EXPECT_NEAR(loss, bunched, 1e-5 * loss);
  // Predicting the mean is worth exactly 1 (up to the 1e-8 that keeps the division finite).
  const auto mean = target.mean(torch::IntArrayRef{0, 1}, true).expand_as(target);
  EXPECT_NEAR(next_latent_loss(mean, target, true).item<double>(), 1, 1e-6);
}

class EveryForm : public testing::TestWithParam<
                      std::tuple<RegularizedLatents, RegularizedLatents, bool, bool>> {
 protected:
  RegularizerConfig config() const {
    auto config = small_config();
    std::tie(config.input, config.target, config.detach_target, config.variance_normalised) =
        GetParam();
    return config;
  }
};

// The straight-through latents and the detached target are constants to the finite difference
// exactly where autograd stops or redirects the gradient, so the reference holds them apart.
TEST_P(EveryForm, GradientOfLatentsMatchesFiniteDifferences) {
  const auto config = this->config();
  auto regularizer = regularizer_in_double(config);
  auto latents = random_latents();
  constexpr double kWeight = 0.7;
  regularizer->forward(coded_from(latents), kWeight).backward();

  const auto base = latents.detach();
  const auto offset = ((base * 2).round() / 2 - base);  // what straight-through adds, held fixed
  const auto numeric = numeric_gradient(base, [&](const torch::Tensor& moved) {
    const auto seen = [&](RegularizedLatents which, const torch::Tensor& at) {
      return raster(which == RegularizedLatents::quantized ? at + offset : at);
    };
    const auto input = seen(config.input, moved);
    const auto target = seen(config.target, config.detach_target ? base : moved);
    const auto predicted = regularizer->predict(input.slice(1, 0, -1));
    return next_latent_loss(predicted, target.slice(1, 1), config.variance_normalised)
        .item<double>();
  });
  EXPECT_LT(largest_difference(latents.grad(), kWeight * numeric), kNumericTolerance);
}

TEST_P(EveryForm, TheTransformerLearnsAtFullPaceWhateverTheWeight) {
  const auto gradient_at = [&](double weight) {
    auto regularizer = regularizer_in_double(config());
    regularizer->forward(coded_from(random_latents()), weight).backward();
    return regularizer->parameters().front().grad().clone();
  };
  EXPECT_TRUE(torch::allclose(gradient_at(0.0), gradient_at(1.0), 1e-12, 1e-14));
  EXPECT_GT(gradient_at(0.0).abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    , EveryForm,
    testing::Combine(testing::Values(RegularizedLatents::continuous, RegularizedLatents::quantized),
                     testing::Values(RegularizedLatents::continuous, RegularizedLatents::quantized),
                     testing::Bool(), testing::Bool()));

class CrossEntropy : public testing::TestWithParam<RegularizedLatents> {
 protected:
  static constexpr int kCodes = 5;
  RegularizerConfig config() const {
    auto config = small_config();
    config.loss = RegularizerLoss::cross_entropy;
    config.input = GetParam();
    return config;
  }
  // Latents with codes that do not depend on them, as the finite difference needs.
  static Coded coded_with_indices(const torch::Tensor& latents) {
    auto coded = coded_from(latents);
    torch::manual_seed(7);
    coded.codes = torch::randint(kCodes, {latents.size(0), kSide * kSide}, torch::kInt64);
    coded.codebook = torch::randn({kCodes, kCodeSize}, torch::kFloat64);
    return coded;
  }
  static torch::Tensor loss_by_definition(const torch::Tensor& predicted, const Coded& coded,
                                          double sharpness) {
    const auto distances = (predicted.unsqueeze(2) - coded.codebook).square().sum(-1);
    const auto variance = coded.codebook.var(0, /*unbiased=*/false).mean();
    const auto logits = -std::exp(sharpness) / (2 * variance + 1e-8) * distances;  // [B, T-1, V]
    return torch::nn::functional::cross_entropy(logits.flatten(0, 1),
                                                coded.codes.slice(1, 1).flatten());
  }
};

TEST_P(CrossEntropy, IsOfTheNextIndex) {
  auto regularizer = regularizer_in_double(config());
  const auto coded = coded_with_indices(random_latents());
  const auto input =
      raster(GetParam() == RegularizedLatents::quantized ? coded.quantized : coded.latents);
  const auto predicted = regularizer->predict(input.slice(1, 0, -1));
  EXPECT_NEAR(regularizer(coded, 1).item<double>(),
              loss_by_definition(predicted, coded, 0).item<double>(), 1e-12);
}

TEST_P(CrossEntropy, GradientsMatchFiniteDifferences) {
  auto regularizer = regularizer_in_double(config());
  auto latents = random_latents();
  const auto coded = coded_with_indices(latents);
  constexpr double kWeight = 0.7;
  regularizer(coded, kWeight).backward();
  const auto base = latents.detach();
  const auto offset = (base * 2).round() / 2 - base;
  const auto loss_at = [&](const torch::Tensor& moved) {
    const bool quantized = GetParam() == RegularizedLatents::quantized;
    const auto predicted =
        regularizer->predict(raster(quantized ? moved + offset : moved).slice(1, 0, -1));
    return loss_by_definition(predicted, coded, regularizer->sharpness().item<double>())
        .item<double>();
  };
  EXPECT_LT(largest_difference(latents.grad(), kWeight * numeric_gradient(base, loss_at)),
            kNumericTolerance);
  // The last latent is read by nobody, and an index has no gradient.
  EXPECT_EQ(raster(latents.grad()).select(1, -1).abs().max().item<double>(), 0);

  auto sharpness = regularizer->sharpness();
  const auto found = sharpness.grad().clone();
  const auto numeric = numeric_gradient(sharpness, [&](const torch::Tensor& moved) {
    sharpness.copy_(moved);
    return loss_at(base);
  });
  EXPECT_LT(largest_difference(found, numeric), kNumericTolerance);
}

TEST_P(CrossEntropy, VarianceNormalisationAndTargetAreOfTheSquaredErrorOnly) {
  const auto loss = [&](bool normalised, bool detach, RegularizedLatents target) {
    auto config = this->config();
    config.variance_normalised = normalised;
    config.detach_target = detach;
    config.target = target;
    return regularizer_in_double(config)(coded_with_indices(random_latents()), 1).item<double>();
  };
  const double expected = loss(true, false, RegularizedLatents::continuous);
  EXPECT_EQ(loss(false, false, RegularizedLatents::continuous), expected);
  EXPECT_EQ(loss(true, true, RegularizedLatents::quantized), expected);
}

// Latents, codes and predictions that all shrink say the same.
TEST(CausalRegularizer, CrossEntropyDoesNotDependOnTheScaleOfTheCodes) {
  torch::manual_seed(9);
  const auto predicted = torch::randn({1, 4, 3}, torch::kFloat64);
  auto config = small_config();
  config.loss = RegularizerLoss::cross_entropy;
  auto regularizer = regularizer_in_double(config);
  Coded coded{
      {}, {}, torch::randint(6, {1, 5}, torch::kInt64), torch::randn({6, 3}, torch::kFloat64)};
  const double loss = regularizer->index_loss(predicted, coded).item<double>();
  coded.codebook = 0.1 * coded.codebook;
  EXPECT_NEAR(regularizer->index_loss(0.1 * predicted, coded).item<double>(), loss, 1e-5 * loss);
}

INSTANTIATE_TEST_SUITE_P(, CrossEntropy,
                         testing::Values(RegularizedLatents::continuous,
                                         RegularizedLatents::quantized));

class WithEveryQuantizer
    : public testing::TestWithParam<
          std::tuple<QuantizerKind, bool, CodeGradient, RegularizerLoss, RegularizedLatents>> {};

TEST_P(WithEveryQuantizer, TheWeightScalesTheGradientOfLatentsAndNeverReachesTheCodes) {
  TokenizerConfig tokenizer;
  tokenizer.codebook_size = 6;
  tokenizer.code_size = kCodeSize;
  auto config = small_config();
  std::tie(tokenizer.quantizer, tokenizer.l2_normalised, tokenizer.gradient, config.loss,
           config.input) = GetParam();
  config.target = config.input;
  torch::manual_seed(11);
  auto quantizer = make_quantizer(tokenizer);
  quantizer->to(torch::kFloat64);
  quantizer->move_codes(torch::arange(6), torch::randn({6, kCodeSize}, torch::kFloat64));
  const auto gradient_at = [&](double weight) {
    auto latents = random_latents();
    regularizer_in_double(config)(quantizer(latents), weight).backward();
    return latents.grad();
  };
  const auto full = gradient_at(1);
  EXPECT_GT(full.abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::allclose(gradient_at(0.25), 0.25 * full, 1e-10, 1e-14));
  EXPECT_FALSE(quantizer->parameters()[0].grad().defined());
}

INSTANTIATE_TEST_SUITE_P(
    , WithEveryQuantizer,
    testing::Combine(testing::Values(QuantizerKind::vq, QuantizerKind::ema), testing::Bool(),
                     testing::Values(CodeGradient::straight_through, CodeGradient::rotation),
                     testing::Values(RegularizerLoss::l2, RegularizerLoss::cross_entropy),
                     testing::Values(RegularizedLatents::continuous,
                                     RegularizedLatents::quantized)));

}  // namespace
}  // namespace tessera
