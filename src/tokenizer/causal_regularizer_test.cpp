#include "tokenizer/causal_regularizer.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "tokenizer/numeric_gradient_test.h"

namespace tessera {
namespace {

constexpr int kCodeSize = 3, kSide = 3, kLatentChannels = 5;

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

CausalRegularizer regularizer_in_double(const RegularizerConfig& config, std::uint64_t seed = 0) {
  Recipe recipe;
  recipe.data.image_size = kSide;
  recipe.tokenizer.multipliers = {1};
  recipe.tokenizer.latent_channels = kLatentChannels;
  recipe.tokenizer.code_size = kCodeSize;
  recipe.regularizer = config;
  torch::manual_seed(3);
  CausalRegularizer regularizer(recipe, seed);
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

RegularizerConfig squared_error(bool variance_normalised) {
  auto config = small_config();
  config.variance_normalised = variance_normalised;
  return config;
}

TEST(CausalRegularizer, TheLiteralLossIsTheMeanSquaredErrorOrItsSumOverDimensions) {
  const auto predicted = torch::tensor({{{1.0, 2.0}, {0.0, 0.0}}}),
             target = torch::tensor({{{0.0, 0.0}, {3.0, 0.0}}});
  auto config = squared_error(false);
  EXPECT_DOUBLE_EQ(next_latent_loss(predicted, target, config).item<double>(), (1 + 4 + 9) / 4.0);
  config.reduction = RegularizerReduction::sum;
  EXPECT_DOUBLE_EQ(next_latent_loss(predicted, target, config).item<double>(), (1 + 4 + 9) / 2.0);
}

TEST(CausalRegularizer, NormalisedLossDoesNotChangeWhenLatentsBunch) {
  const auto predicted = torch::randn({2, 4, 3}, torch::kFloat64),
             target = torch::randn({2, 4, 3}, torch::kFloat64);
  const auto config = squared_error(true);
  const double loss = next_latent_loss(predicted, target, config).item<double>();
  const double bunched = next_latent_loss(0.1 * predicted, 0.1 * target, config).item<double>();
  EXPECT_NEAR(loss, bunched, 1e-5 * loss);
  // Predicting the mean is worth exactly 1 (up to the 1e-8 that keeps the division finite).
  const auto mean = target.mean(torch::IntArrayRef{0, 1}, true).expand_as(target);
  EXPECT_NEAR(next_latent_loss(mean, target, config).item<double>(), 1, 1e-6);
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
    return next_latent_loss(predicted, target.slice(1, 1), config).item<double>();
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

// A tokenizer's way from features to codes, in which every tensor that the regularizer may be
// attached to depends on the features: what the quantizer rounds off is held fixed.
struct Chain {
  torch::Tensor weight, rounding;  // of the projection [code_size, latent_channels]; added by codes

  static Chain at(const torch::Tensor& features) {
    torch::manual_seed(13);
    Chain chain{.weight = torch::randn({kCodeSize, kLatentChannels}, torch::kFloat64),
                .rounding = torch::zeros({}, torch::kFloat64)};
    const auto latents = chain.coded(features.detach()).latents;
    chain.rounding = (latents * 2).round() / 2 - latents;
    return chain;
  }
  Coded coded(const torch::Tensor& features) const {
    const auto projection = torch::einsum("oc,bchw->bohw", {weight, features});
    const auto latents = projection / projection.norm(2, {1}, /*keepdim=*/true);
    torch::manual_seed(7);
    return {latents,
            latents + rounding,
            torch::randint(6, {features.size(0), kSide * kSide}, torch::kInt64),
            torch::randn({6, kCodeSize}, torch::kFloat64),
            projection,
            features};
  }
};

torch::Tensor random_features() {
  torch::manual_seed(17);
  return torch::randn({2, kLatentChannels, kSide, kSide}, torch::kFloat64).requires_grad_();
}

enum class Form { normalised, mean, sum, cross_entropy };

class EveryAttachment
    : public testing::TestWithParam<std::tuple<RegularizerAttach, RegularizedLatents,
                                               RegularizedLatents, bool, Form, RegularizerOrder>> {
 protected:
  void SetUp() override {
    Form form{};
    std::tie(config_.attach, config_.input, config_.target, config_.detach_target, form,
             config_.order) = GetParam();
    config_.variance_normalised = form == Form::normalised;
    if (form == Form::sum) config_.reduction = RegularizerReduction::sum;
    if (form == Form::cross_entropy) config_.loss = RegularizerLoss::cross_entropy;
    if (!error_of([&] { config_.validate(); }).empty()) GTEST_SKIP() << "refused";
  }
  RegularizerConfig config_ = small_config();
};

TEST_P(EveryAttachment, GradientsMatchFiniteDifferences) {
  constexpr double kWeight = 0.7;
  auto regularizer = regularizer_in_double(config_);
  const auto features = random_features();
  const auto chain = Chain::at(features);
  const auto fixed = chain.coded(features.detach());
  regularizer(chain.coded(features), kWeight).backward();

  const auto loss_at = [&](const torch::Tensor& moved) {
    const auto coded = chain.coded(moved);
    const auto input = regularizer->latents(coded, config_.input);
    const auto predicted = regularizer->predict(input.slice(1, 0, -1));
    if (config_.loss == RegularizerLoss::cross_entropy)
      return regularizer->index_loss(predicted, coded).item<double>();
    const auto target = regularizer->latents(config_.detach_target ? fixed : coded, config_.target);
    return next_latent_loss(predicted, target.slice(1, 1), config_).item<double>();
  };
  EXPECT_LT(largest_difference(features.grad(), kWeight * numeric_gradient(features, loss_at)),
            kNumericTolerance);

  // Of the transformer, along a random direction of all its weights.
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-7;  // so small that no ReLU changes sides
  double slope = 0;
  std::vector<torch::Tensor> directions;
  for (const auto& parameter : regularizer->parameters()) {
    directions.push_back(torch::randn_like(parameter) / 10);
    slope += (parameter.grad() * directions.back()).sum().item<double>();
  }
  const auto move = [&](double by) {
    std::size_t i = 0;
    for (auto& parameter : regularizer->parameters()) parameter.add_(directions[i++], by);
  };
  move(kStep);
  const double above = loss_at(features);
  move(-2 * kStep);
  const double below = loss_at(features);
  EXPECT_NEAR(slope, (above - below) / (2 * kStep), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(
    , EveryAttachment,
    testing::Combine(testing::Values(RegularizerAttach::code, RegularizerAttach::projection,
                                     RegularizerAttach::features),
                     testing::Values(RegularizedLatents::continuous, RegularizedLatents::quantized),
                     testing::Values(RegularizedLatents::continuous, RegularizedLatents::quantized),
                     testing::Bool(),
                     testing::Values(Form::normalised, Form::mean, Form::sum, Form::cross_entropy),
                     testing::Values(RegularizerOrder::raster, RegularizerOrder::shuffled)));

class Shuffled : public testing::TestWithParam<RegularizerLoss> {};

TEST_P(Shuffled, IsTheRasterOfPermutedTokens) {
  auto config = small_config();
  config.loss = GetParam();
  config.input = RegularizedLatents::continuous;
  config.attach = RegularizerAttach::features;
  auto raster_regularizer = regularizer_in_double(config);
  config.order = RegularizerOrder::shuffled;
  auto regularizer = regularizer_in_double(config, /*seed=*/21);

  const auto features = random_features().detach();
  const auto coded = Chain::at(features).coded(features);
  // Where each place of the raster goes, read from what is shuffled.
  auto numbered = coded;
  numbered.features = torch::arange(kSide * kSide, torch::kFloat64)
                          .view({1, 1, kSide, kSide})
                          .expand({2, kLatentChannels, kSide, kSide});
  const auto order =
      regularizer->latents(numbered, RegularizedLatents::continuous)[0].select(1, 0).to(
          torch::kInt64);
  EXPECT_TRUE(torch::equal(std::get<0>(order.sort()), torch::arange(kSide * kSide)));
  EXPECT_FALSE(torch::equal(order, torch::arange(kSide * kSide)));

  auto permuted = coded;
  permuted.features =
      raster(coded.features).index_select(1, order).transpose(1, 2).reshape(coded.features.sizes());
  permuted.codes = coded.codes.index_select(1, order);
  EXPECT_EQ(regularizer(coded, 1).item<double>(), raster_regularizer(permuted, 1).item<double>());
  EXPECT_NE(regularizer(coded, 1).item<double>(), raster_regularizer(coded, 1).item<double>());
}

INSTANTIATE_TEST_SUITE_P(, Shuffled,
                         testing::Values(RegularizerLoss::l2, RegularizerLoss::cross_entropy));

TEST(CausalRegularizer, TheSeedAloneDrawsTheOrder) {
  auto config = small_config();
  config.order = RegularizerOrder::shuffled;
  const auto coded = coded_from(random_latents().detach());
  const auto drawn = [&](std::uint64_t seed) {
    torch::manual_seed(seed + 1);  // has no say
    return regularizer_in_double(config, seed)->latents(coded, RegularizedLatents::continuous);
  };
  EXPECT_TRUE(torch::equal(drawn(1), drawn(1)));
  EXPECT_FALSE(torch::equal(drawn(1), drawn(2)));
}

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
    : public testing::TestWithParam<std::tuple<QuantizerKind, bool, CodeGradient, RegularizerLoss,
                                               RegularizedLatents, RegularizerAttach>> {};

TEST_P(WithEveryQuantizer, TheWeightScalesTheGradientOfLatentsAndNeverReachesTheCodes) {
  TokenizerConfig tokenizer;
  tokenizer.codebook_size = 6;
  tokenizer.code_size = kCodeSize;
  auto config = small_config();
  std::tie(tokenizer.quantizer, tokenizer.l2_normalised, tokenizer.gradient, config.loss,
           config.input, config.attach) = GetParam();
  if (config.attach == RegularizerAttach::code) config.target = config.input;
  if (!error_of([&] { config.validate(); }).empty()) GTEST_SKIP() << "refused";
  torch::manual_seed(11);
  auto quantizer = make_quantizer(tokenizer);
  quantizer->to(torch::kFloat64);
  quantizer->move_codes(torch::arange(6), torch::randn({6, kCodeSize}, torch::kFloat64));
  const auto gradient_at = [&](double weight) {
    const auto features = random_features();
    auto coded = quantizer(features.slice(1, 0, kCodeSize));  // instead of a projection
    coded.features = features;
    regularizer_in_double(config)(coded, weight).backward();
    return features.grad();
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
                     testing::Values(RegularizedLatents::continuous, RegularizedLatents::quantized),
                     testing::Values(RegularizerAttach::code, RegularizerAttach::projection,
                                     RegularizerAttach::features)));

}  // namespace
}  // namespace tessera
