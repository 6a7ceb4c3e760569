#include "tokenizer/adversarial_loss.h"

#include <gtest/gtest.h>

#include "tokenizer/lecam.h"

namespace tessera {
namespace {

torch::Tensor logits(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64).view({1, 1, 1, -1});
}

double softplus(double x) { return std::log1p(std::exp(x)); }

TEST(AdversarialLoss, WorkedByHand) {
  const auto real = logits({2, 0.5}), fake = logits({-3, 1});
  using enum AdversarialLoss;
  // real: max(0, 1 - 2) = 0 and 0.5; fake: max(0, 1 - 3) = 0 and 2
  EXPECT_DOUBLE_EQ(discriminator_loss(hinge, real, fake).item<double>(), (0.25 + 1.0) / 2);
  const double cross_entropy =
      (softplus(-2) + softplus(-0.5)) / 4 + (softplus(-3) + softplus(1)) / 4;
  for (const auto kind : {vanilla, non_saturating})
    EXPECT_NEAR(discriminator_loss(kind, real, fake).item<double>(), cross_entropy, 1e-12);
  for (const auto kind : {hinge, vanilla})
    EXPECT_DOUBLE_EQ(generator_loss(kind, fake).item<double>(), 1);
  EXPECT_NEAR(generator_loss(non_saturating, fake).item<double>(), (softplus(3) + softplus(-1)) / 2,
              1e-12);
}

TEST(AdversarialLoss, EachSidePullsItsOwnWay) {
  for (const auto kind :
       {AdversarialLoss::hinge, AdversarialLoss::vanilla, AdversarialLoss::non_saturating}) {
    auto real = logits({0.2}).requires_grad_(), fake = logits({-0.3}).requires_grad_();
    const auto of_discriminator =
        torch::autograd::grad({discriminator_loss(kind, real, fake)}, {real, fake});
    EXPECT_LT(of_discriminator[0].item<double>(), 0);  // descent raises real logits
    EXPECT_GT(of_discriminator[1].item<double>(), 0);
    EXPECT_LT(torch::autograd::grad({generator_loss(kind, fake)}, {fake})[0].item<double>(), 0);
  }
}

TEST(AdversarialLoss, GradientsAgreeWithFiniteDifferences) {
  torch::manual_seed(4);
  constexpr double kStep = 1e-6;
  for (const auto kind :
       {AdversarialLoss::hinge, AdversarialLoss::vanilla, AdversarialLoss::non_saturating}) {
    auto real = torch::randn({3, 1, 2, 2}, torch::kFloat64).requires_grad_();
    auto fake = torch::randn({3, 1, 2, 2}, torch::kFloat64).requires_grad_();
    const auto loss = [&](const torch::Tensor& r, const torch::Tensor& f) {
      return discriminator_loss(kind, r, f) + 0.7 * generator_loss(kind, f);
    };
    const auto gradient = torch::autograd::grad({loss(real, fake)}, {real, fake});
    const auto u = torch::randn_like(real), v = torch::randn_like(fake);
    const double slope =
        (loss(real + kStep * u, fake + kStep * v) - loss(real - kStep * u, fake - kStep * v))
            .item<double>() /
        (2 * kStep);
    EXPECT_NEAR(((gradient[0] * u).sum() + (gradient[1] * v).sum()).item<double>(), slope, 1e-8);
  }
}

TEST(AdaptiveWeight, IsTheRatioOfGradientNormsAtTheLastLayer) {
  auto layer = torch::tensor({1.0, 2.0}, torch::kFloat64).requires_grad_();
  const auto output = layer * 3;
  // gradients (3, 4) x 3 and (0, 2) x 3: norms 15 and 6
  const auto reconstruction = 3 * output[0] + 4 * output[1], adversarial = 2 * output[1];
  EXPECT_NEAR(adaptive_weight(reconstruction, adversarial, layer), 15 / (6 + 1e-4), 1e-12);
  EXPECT_EQ(adaptive_weight(reconstruction, 0 * adversarial, layer), 1e4);  // 150,000, clamped
  EXPECT_EQ(adaptive_weight(0 * reconstruction, adversarial, layer), 0);
  (reconstruction + adversarial).backward();  // the graphs are still there
  EXPECT_DOUBLE_EQ(layer.grad()[1].item<double>(), 18);
}

TEST(LeCam, WorkedByHand) {
  LeCam lecam;
  const auto real = logits({1, 3}), fake = logits({-1, -2});
  EXPECT_EQ(lecam.penalty(real, fake).item<double>(), 0);  // nothing to stay near to yet
  lecam.update(2, -1.5);
  EXPECT_DOUBLE_EQ(lecam.real_mean(), 2);
  EXPECT_DOUBLE_EQ(lecam.fake_mean(), -1.5);
  // reals from -1.5: 2.5^2, 4.5^2; fakes from 2: 3^2, 4^2
  EXPECT_DOUBLE_EQ(lecam.penalty(real, fake).item<double>(), (6.25 + 20.25) / 2 + (9.0 + 16.0) / 2);
  lecam.update(4, 0.5);
  EXPECT_DOUBLE_EQ(lecam.real_mean(), 0.99 * 2 + 0.01 * 4);
  EXPECT_DOUBLE_EQ(lecam.fake_mean(), 0.99 * -1.5 + 0.01 * 0.5);
  LeCam copy;
  copy.load_state(lecam.state());
  EXPECT_EQ(copy.penalty(real, fake).item<double>(), lecam.penalty(real, fake).item<double>());
}

TEST(LeCam, PullsTheLogitsTowardsEachOther) {
  LeCam lecam;
  auto real = logits({2}).requires_grad_(), fake = logits({-1}).requires_grad_();
  lecam.update(2, -1);
  const auto gradient = torch::autograd::grad({lecam.penalty(real, fake)}, {real, fake});
  EXPECT_DOUBLE_EQ(gradient[0].item<double>(), 6);  // 2 (2 - -1)
  EXPECT_DOUBLE_EQ(gradient[1].item<double>(), -6);
}

}  // namespace
}  // namespace tessera
