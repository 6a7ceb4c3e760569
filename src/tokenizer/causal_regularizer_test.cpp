#include "tokenizer/causal_regularizer.h"

#include <gtest/gtest.h>

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

// Central differences of `loss` at every element of `x`.
torch::Tensor numeric_gradient(const torch::Tensor& x,
                               const std::function<double(torch::Tensor)>& loss) {
  constexpr double kStep = 1e-5;
  auto gradient = torch::zeros_like(x);
  auto probe = x.detach().clone().contiguous();
  for (std::int64_t i = 0; i < probe.numel(); ++i) {
    double& value = probe.data_ptr<double>()[i];
    const double kept = value;
    value = kept + kStep;
    const double above = loss(probe);
    value = kept - kStep;
    const double below = loss(probe);
    value = kept;
    gradient.view(-1)[i] = (above - below) / (2 * kStep);
  }
  return gradient;
}

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

class EveryForm : public testing::TestWithParam<std::tuple<RegularizerInput, bool, bool>> {
 protected:
  RegularizerConfig config() const {
    auto config = small_config();
    std::tie(config.input, config.detach_target, config.variance_normalised) = GetParam();
    return config;
  }
};

// The straight-through input and the detached target are constants to the finite difference exactly
// where autograd stops or redirects the gradient, so the reference holds them apart.
TEST_P(EveryForm, GradientOfLatentsMatchesFiniteDifferences) {
  const auto config = this->config();
  auto regularizer = regularizer_in_double(config);
  auto latents = random_latents();
  constexpr double kWeight = 0.7;
  regularizer->forward(coded_from(latents), kWeight).backward();

  const auto base = latents.detach();
  const auto offset = ((base * 2).round() / 2 - base);  // what straight-through adds, held fixed
  const auto numeric = numeric_gradient(base, [&](const torch::Tensor& moved) {
    torch::NoGradGuard no_grad;
    const auto raster = [](const torch::Tensor& grid) { return grid.flatten(2).transpose(1, 2); };
    const bool quantized = config.input == RegularizerInput::quantized;
    const auto input = raster(quantized ? moved + offset : moved);
    const auto target = raster(config.detach_target ? base : moved);
    const auto predicted = regularizer->predict(input.slice(1, 0, -1));
    return next_latent_loss(predicted, target.slice(1, 1), config.variance_normalised)
        .item<double>();
  });
  const double error = (latents.grad() - kWeight * numeric).abs().max().item<double>();
  EXPECT_LT(error, 1e-7) << "central differences with step 1e-5 in double precision";
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

INSTANTIATE_TEST_SUITE_P(, EveryForm,
                         testing::Combine(testing::Values(RegularizerInput::continuous,
                                                          RegularizerInput::quantized),
                                          testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace tessera
