#include "tokenizer/discriminator.h"

#include <gtest/gtest.h>

#include "recipe/recipe.h"
#include "training/device.h"
#include "training/weights.h"

namespace tessera {
namespace {

torch::Tensor random_images(int count, int side) {
  return (torch::rand({count, 3, side, side}) * 2 - 1)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

TEST(Discriminator, HasLlamaGensNamesShapesAndInitialisation) {
  torch::manual_seed(1);
  const auto tensors = tensors_of(*Discriminator(3, 64));
  std::map<std::string, std::vector<std::int64_t>> expected = {{"main.0.weight", {64, 3, 4, 4}},
                                                               {"main.0.bias", {64}},
                                                               {"main.2.weight", {128, 64, 4, 4}},
                                                               {"main.5.weight", {256, 128, 4, 4}},
                                                               {"main.8.weight", {512, 256, 4, 4}},
                                                               {"main.11.weight", {1, 512, 4, 4}},
                                                               {"main.11.bias", {1}}};
  for (const auto& [index, channels] : {std::pair{3, 128}, std::pair{6, 256}, std::pair{9, 512}}) {
    const auto norm = "main." + std::to_string(index);
    for (const auto* part : {".weight", ".bias", ".running_mean", ".running_var"})
      expected[norm + part] = {channels};
    expected[norm + ".num_batches_tracked"] = {};
    EXPECT_NEAR(tensors.at(norm + ".weight").mean().item<double>(), 1, 0.01);
    EXPECT_EQ(tensors.at(norm + ".bias").abs().max().item<double>(), 0);
  }
  ASSERT_EQ(tensors.size(), expected.size());
  for (const auto& [name, shape] : expected)
    EXPECT_EQ(tensors.at(name).sizes().vec(), shape) << name;
  // A standard deviation over 131,072 weights is known to 0.2%.
  EXPECT_NEAR(tensors.at("main.2.weight").std().item<double>(), 0.02, 0.0002);
}

TEST(Discriminator, JudgesAsManyPatchesAsTheRecipeSays) {
  TokenizerTrainingConfig config;
  for (const int layers : {1, 2, 3})
    for (const int side : {6, 13, 28, 32, 64}) {
      config.discriminator_layers = layers;
      const int patches = config.discriminator_patches(side);
      if (patches == 0) continue;
      const auto logits = Discriminator(layers, 4)(random_images(2, side));
      EXPECT_EQ(logits.sizes(), torch::IntArrayRef({2, 1, patches, patches})) << layers << side;
    }
  config.discriminator_layers = 3;
  EXPECT_EQ(config.discriminator_patches(32), 2);
  EXPECT_EQ(config.discriminator_patches(256), 30);
}

TEST(Discriminator, GradientsAgreeWithFiniteDifferences) {
  torch::manual_seed(2);
  Discriminator discriminator(2, 4);
  discriminator->to(torch::kFloat64);
  auto images = random_images(2, 16).to(torch::kFloat64).requires_grad_();
  const auto weights = torch::randn({2, 1, 2, 2}, torch::kFloat64);
  const auto loss = [&](const torch::Tensor& x) { return (discriminator(x) * weights).sum(); };
  loss(images).backward();
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  const auto direction = torch::randn_like(images);
  const double slope =
      (loss(images + kStep * direction) - loss(images - kStep * direction)).item<double>() /
      (2 * kStep);
  EXPECT_NEAR((images.grad() * direction).sum().item<double>(), slope,
              1e-7 * (1 + std::abs(slope)));
  for (auto& item : discriminator->named_parameters()) {
    auto value = item.value().view(-1)[0];
    const double kept = value.item<double>();
    value.fill_(kept + kStep);
    const double above = loss(images).item<double>();
    value.fill_(kept - kStep);
    const double below = loss(images).item<double>();
    value.fill_(kept);
    EXPECT_NEAR(item.value().grad().view(-1)[0].item<double>(), (above - below) / (2 * kStep), 1e-7)
        << item.key();
  }
}

TEST(Discriminator, WhileFrozenOnlyImagesTakeGradients) {
  Discriminator discriminator(1, 4);
  auto images = random_images(2, 8).requires_grad_();
  discriminator->freeze(true);
  discriminator(images).sum().backward();
  EXPECT_GT(images.grad().abs().sum().item<double>(), 0);
  for (const auto& parameter : discriminator->parameters())
    EXPECT_FALSE(parameter.grad().defined());
  discriminator->freeze(false);
  discriminator(images.detach()).sum().backward();
  for (const auto& parameter : discriminator->parameters()) EXPECT_TRUE(parameter.grad().defined());
}

TEST(Discriminator, UnderBf16StaysNearFloat32) {
  torch::manual_seed(3);
  Discriminator discriminator(3, 16);
  auto images = random_images(4, 32).requires_grad_();
  const auto exact = discriminator(images);
  const auto slope = torch::autograd::grad({exact.sum()}, {images})[0];
  const Autocast autocast(true, torch::kCPU);
  const auto rough = discriminator(images);
  EXPECT_EQ(rough.scalar_type(), torch::kFloat32);
  // bf16 has 8 bits: five convolutions, each with values of about 1 where BatchNorm left them.
  EXPECT_LT((rough - exact).abs().max().item<double>(), 0.05 * exact.std().item<double>() + 0.02);
  const auto rough_slope = torch::autograd::grad({rough.sum()}, {images})[0];
  EXPECT_LT((rough_slope - slope).norm().item<double>(), 0.1 * slope.norm().item<double>());
}

TEST(Discriminator, FlopsMatchACountByHand) {
  // 16 px: 8 x 8 x 4, 4 x 4 x 8, 3 x 3 x 16, 2 x 2 x 1
  EXPECT_DOUBLE_EQ(discriminator_flops(2, 4, 16),
                   2.0 * 16 * (64 * 3 * 4 + 16 * 4 * 8 + 9 * 8 * 16 + 4 * 16 * 1));
}

}  // namespace
}  // namespace tessera
