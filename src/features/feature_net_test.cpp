#include "features/feature_net.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "features/feature_classifier.h"
#include "features/op_direction_distance.h"
#include "training/device.h"

namespace tessera {
namespace {

FeatureNet random_net(int width = 4, int levels = 3, int outputs = 5) {
  torch::manual_seed(3);
  const FeatureShape shape{.width = width, .levels = levels, .outputs = outputs};
  FeatureClassifier classifier(shape);
  classifier->train();
  for (int i = 0; i < 5; ++i)
    classifier(torch::randn({16, 3, 16, 16}));  // moves the running statistics
  return FeatureNet(shape, classifier->folded(), "hash");
}

TEST(FeatureNet, FoldingKeepsTheFunction) {
  torch::manual_seed(4);
  const FeatureShape shape{.width = 4, .levels = 3, .outputs = 5};
  FeatureClassifier classifier(shape);
  for (int i = 0; i < 5; ++i) classifier(torch::randn({16, 3, 16, 16}));
  classifier->eval();
  torch::NoGradGuard no_grad;
  const auto images = torch::rand({3, 3, 20, 20}) * 2 - 1;
  const FeatureNet net(shape, classifier->folded(), "");
  // float32 rounding through seven layers of values near 1
  EXPECT_TRUE(torch::allclose(net.logits(images), classifier(images), 1e-4, 1e-5));
}

TEST(FeatureNet, TakesAnyImageSize) {
  const auto net = random_net();
  for (const int side : {1, 7, 28, 33}) {
    const auto images = torch::zeros({2, 3, side, side});
    EXPECT_EQ(net.features(images).sizes(), torch::IntArrayRef({2, 16}));
    const auto maps = net.stages(images);
    ASSERT_EQ(maps.size(), 3u);
    EXPECT_EQ(maps[0].sizes(), torch::IntArrayRef({2, 4, (side + 1) / 2, (side + 1) / 2}));
  }
}

TEST(FeatureNet, FeaturesOfAnImageDoNotDependOnItsNeighbours) {
  const auto net = random_net();
  const auto images = torch::rand({9, 3, 16, 16}) * 2 - 1;
  EXPECT_TRUE(torch::allclose(net.features(images)[4], net.features(images.narrow(0, 4, 1))[0],
                              1e-5, 1e-6));
  EXPECT_TRUE(torch::equal(net.features(images), net.features(images)));
}

TEST(FeatureNet, RefusesAFolderThatHoldsNoFeatures) {
  TemporaryFolder folder;
  const auto good = random_net(4, 2, 3);
  ModelConfig config;
  config.kind = "features";
  config.extra = {{"width", 4}, {"levels", 2}, {"outputs", 3}};
  torch::manual_seed(1);
  auto weights = FeatureClassifier(good.shape())->folded();
  write_model_folder(folder / "good", config, weights);
  EXPECT_EQ(FeatureNet::load(folder / "good", torch::kCPU).feature_size(), 8);

  config.extra["width"] = -4;
  write_model_folder(folder / "shape", config, weights);
  EXPECT_NE(error_of([&] { FeatureNet::load(folder / "shape", torch::kCPU); }).find("extra.width"),
            std::string::npos);
  config.extra["width"] = 8;
  write_model_folder(folder / "size", config, weights);
  EXPECT_NE(
      error_of([&] { FeatureNet::load(folder / "size", torch::kCPU); }).find("levels.0.0.weight"),
      std::string::npos);
  config.kind = "tokenizer";
  write_model_folder(folder / "kind", config, weights);
  EXPECT_NE(error_of([&] { FeatureNet::load(folder / "kind", torch::kCPU); }).find("tokenizer"),
            std::string::npos);
}

TEST(PerceptualDistance, IsZeroForEqualImagesAndSymmetric) {
  const auto net = random_net();
  const auto a = torch::rand({4, 3, 16, 16}) * 2 - 1, b = torch::rand({4, 3, 16, 16}) * 2 - 1;
  // Three sums near 1 cancel: a few float32 roundings remain.
  EXPECT_LT(perceptual_distance(net, a, a).abs().max().item<double>(), 2e-6);
  const auto ab = perceptual_distance(net, a, b), ba = perceptual_distance(net, b, a);
  EXPECT_EQ(ab.sizes(), torch::IntArrayRef({4}));
  EXPECT_TRUE(torch::allclose(ab, ba, 1e-5, 1e-6));
  EXPECT_GT(ab.min().item<double>(), 1e-3);
  EXPECT_LE(ab.max().item<double>(), 2);
}

TEST(PerceptualDistance, IsTheMeanSquaredDifferenceOfUnitVectors) {
  const auto net = random_net().to(torch::kFloat64);
  const auto a = torch::rand({2, 3, 16, 16}, torch::kFloat64),
             b = torch::rand({2, 3, 16, 16}, torch::kFloat64);
  auto expected = torch::zeros({2}, torch::kFloat64);
  const auto of_a = net.stages(a), of_b = net.stages(b);
  for (std::size_t stage = 0; stage < of_a.size(); ++stage) {
    const auto unit = [](const torch::Tensor& x) {
      return x / (x.square().sum(1, true) + 1e-4).sqrt();
    };
    expected += (unit(of_a[stage]) - unit(of_b[stage])).square().sum(1).mean({1, 2}) / 3;
  }
  EXPECT_TRUE(torch::allclose(perceptual_distance(net, a, b), expected, 1e-10, 1e-12));
}

TEST(PerceptualDistance, GradientsAgreeWithFiniteDifferences) {
  const auto net = random_net().to(torch::kFloat64);
  torch::manual_seed(5);
  auto a = torch::rand({2, 3, 8, 8}, torch::kFloat64).requires_grad_();
  auto b = torch::rand({2, 3, 8, 8}, torch::kFloat64).requires_grad_();
  perceptual_distance(net, a, b).sum().backward();
  constexpr double kStep = 1e-6;  // so small that few ReLUs switch; float64 leaves 1e-9 of rounding
  for (auto* images : {&a, &b}) {
    torch::NoGradGuard no_grad;
    const auto direction = torch::randn_like(*images);
    const auto original = images->detach().clone();
    const auto value_at = [&](double step) {
      images->copy_(original + step * direction);
      return perceptual_distance(net, a, b).sum().item<double>();
    };
    const double slope = (value_at(kStep) - value_at(-kStep)) / (2 * kStep);
    images->copy_(original);
    EXPECT_NEAR(slope, (images->grad() * direction).sum().item<double>(),
                1e-6 * (1 + std::abs(slope)));
  }
}

TEST(DirectionDistance, WorkedByHandAndAtOddSizes) {
  // (3, 4) and (4, 3): lengths 5, cosine 24/25, so 2 - 48/25; the softened length changes it by
  // 1e-4 / 25 of itself.
  const auto a = torch::tensor({3.0, 4.0}).view({1, 2, 1, 1}),
             b = torch::tensor({4.0, 3.0}).view({1, 2, 1, 1});
  EXPECT_NEAR(direction_distance(a, b).item<double>(), 0.08, 1e-5);
  EXPECT_NEAR(direction_distance(a, -b).item<double>(), 2 + 1.92, 3e-5);
  EXPECT_EQ(direction_distance(0 * a, 0 * b).item<double>(), 0);
  for (const int channels : {1, 15, 16, 17, 40}) {
    auto x = torch::randn({3, channels, 5, 3}, torch::kFloat64).requires_grad_();
    auto y = torch::randn({3, channels, 5, 3}, torch::kFloat64).requires_grad_();
    const auto unit = [](const torch::Tensor& v) {
      return v / (v.square().sum(1, true) + 1e-4).sqrt();
    };
    const auto expected = (unit(x) - unit(y)).square().sum(1).mean({1, 2});
    const auto weights = torch::randn({3}, torch::kFloat64);
    const auto plain = torch::autograd::grad({(expected * weights).sum()}, {x, y});
    const auto distance = direction_distance(x, y);
    const auto fused = torch::autograd::grad({(distance * weights).sum()}, {x, y});
    EXPECT_TRUE(torch::allclose(distance, expected, 1e-10, 1e-12)) << channels;
    EXPECT_TRUE(torch::allclose(fused[0], plain[0], 1e-9, 1e-12)) << channels;
    EXPECT_TRUE(torch::allclose(fused[1], plain[1], 1e-9, 1e-12)) << channels;
  }
}

TEST(PerceptualDistance, LeavesTheNetworkAlone) {
  const auto net = random_net();
  auto a = torch::rand({1, 3, 8, 8}).requires_grad_();
  perceptual_distance(net, a, torch::rand({1, 3, 8, 8})).sum().backward();
  EXPECT_TRUE(a.grad().defined());
  EXPECT_GT(a.grad().abs().sum().item<double>(), 0);
}

TEST(PerceptualDistance, UnderBf16StaysNearFloat32) {
  const auto net = random_net(16);
  const auto a = torch::rand({4, 3, 16, 16}) * 2 - 1, b = torch::rand({4, 3, 16, 16}) * 2 - 1;
  const auto exact = perceptual_distance(net, a, b);
  const Autocast autocast(true, torch::kCPU);
  const auto rough = perceptual_distance(net, a, b);
  EXPECT_EQ(rough.scalar_type(), torch::kFloat32);
  // bf16 has 8 bits; six layers deep, averaged over hundreds of positions
  EXPECT_LT(((rough - exact) / exact).abs().max().item<double>(), 0.05);
}

}  // namespace
}  // namespace tessera
