#include "features/lpips.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "features/perceptual_net.h"
#include "training/device.h"

namespace tessera {
namespace {

// Weights of He's scale keep values of all thirteen layers near 1; heads are positive, as
// published.
TensorMap random_weights() {
  torch::manual_seed(11);
  TensorMap weights;
  for (const auto& [name, shape] : Lpips::shapes()) {
    if (name.starts_with("lin"))
      weights[name] = torch::rand(shape);
    else if (shape.size() == 4)
      weights[name] = torch::randn(shape) * std::sqrt(2.0 / (9.0 * static_cast<double>(shape[1])));
    else
      weights[name] = 0.1 * torch::randn(shape);
  }
  return weights;
}

const Lpips& random_lpips() {
  static const Lpips net(random_weights(), "hash");
  return net;
}

torch::Tensor random_images(int count, int side, std::uint64_t seed,
                            torch::ScalarType type = torch::kFloat32) {
  torch::manual_seed(seed);
  return torch::rand({count, 3, side, side}, torch::kFloat64).mul(2).sub(1).to(type);
}

// LPIPS written a second time, from the published layer list: patches unfolded into matrix
// products, maxima of reshaped blocks, sums over each axis by name.
torch::Tensor by_other_means(const TensorMap& weights, const torch::Tensor& image) {
  const std::string layers = "CC.CC.CCC.CCC.CCC";  // convolution with ReLU; pooling
  const auto shift = torch::tensor({-.030, -.088, -.188}, torch::kFloat64).view({1, 3, 1, 1});
  const auto scale = torch::tensor({.458, .448, .450}, torch::kFloat64).view({1, 3, 1, 1});
  auto x = (image - shift) / scale;
  std::vector<torch::Tensor> maps;
  int index = 0;  // of torchvision's list, in which ReLUs and poolings count too
  for (const char layer : layers) {
    const auto batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    if (layer == '.') {
      maps.push_back(x);
      x = x.view({batch, channels, height / 2, 2, width / 2, 2}).amax({3, 5});
      index += 1;
    } else {
      const auto name = "features." + std::to_string(index);
      const auto weight = weights.at(name + ".weight").to(torch::kFloat64);
      const auto patches = torch::im2col(x, {3, 3}, {1, 1}, {1, 1}, {1, 1});  // [B, C 9, H W]
      x = torch::matmul(weight.flatten(1), patches) +
          weights.at(name + ".bias").to(torch::kFloat64).view({1, -1, 1});
      x = x.view({batch, weight.size(0), height, width}).clamp_min(0);
      index += 2;
    }
  }
  maps.push_back(x);
  for (auto& map : maps) map = map / (map.square().sum(1, true).sqrt() + 1e-10);
  return torch::cat(
      [&] {
        std::vector<torch::Tensor> flat;
        for (std::size_t stage = 0; stage < maps.size(); ++stage) {
          const auto head = weights.at("lin" + std::to_string(stage) + ".weight");
          const auto places = static_cast<double>(maps[stage].size(2) * maps[stage].size(3));
          flat.push_back((maps[stage] * (head.to(torch::kFloat64) / places).sqrt()).flatten(1));
        }
        return flat;
      }(),
      1);  // [B, everything]: LPIPS is the squared Euclidean distance of these vectors
}

TEST(Lpips, AgreesWithAnIndependentComputation) {
  const auto net = random_lpips().to(torch::kFloat64);
  for (const int side : {16, 32, 48}) {
    const auto a = random_images(2, side, 1, torch::kFloat64),
               b = random_images(2, side, 2, torch::kFloat64);
    const auto weights = random_weights();
    const auto expected = (by_other_means(weights, a) - by_other_means(weights, b)).square().sum(1);
    const auto distance = net.distance(a, b);
    EXPECT_EQ(distance.sizes(), torch::IntArrayRef({2}));
    EXPECT_TRUE(torch::allclose(distance, expected, 1e-9, 0)) << side << distance << expected;
    // float32: thirteen layers deep, averaged over positions.
    EXPECT_TRUE(torch::allclose(
        random_lpips().distance(a.to(torch::kFloat32), b.to(torch::kFloat32)).to(torch::kFloat64),
        expected, 1e-4, 0))
        << side;
  }
}

TEST(Lpips, StagesAreVgg16sAtAnyImageSize) {
  for (const int side : {16, 32, 33}) {
    const auto maps = random_lpips().stages(random_images(1, side, 3));
    ASSERT_EQ(maps.size(), 5u);
    for (int stage = 0; stage < 5; ++stage)
      EXPECT_EQ(maps[static_cast<std::size_t>(stage)].sizes(),
                torch::IntArrayRef({1, std::min(64 << stage, 512), side >> stage, side >> stage}));
  }
}

TEST(Lpips, IsZeroForEqualImagesAndSymmetric) {
  const auto a = random_images(2, 16, 4), b = random_images(2, 16, 5);
  EXPECT_EQ(random_lpips().distance(a, a).abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::equal(random_lpips().distance(a, b), random_lpips().distance(b, a)));
  EXPECT_GT(random_lpips().distance(a, b).min().item<double>(), 1e-3);
}

TEST(Lpips, GradientsAgreeWithFiniteDifferences) {
  const auto net = random_lpips().to(torch::kFloat64);
  auto a = random_images(1, 16, 6, torch::kFloat64).requires_grad_();
  const auto b = random_images(1, 16, 7, torch::kFloat64);
  net.distance(a, b).sum().backward();
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-7;  // so small that few ReLUs and maxima switch
  for (int i = 0; i < 3; ++i) {
    const auto direction = torch::randn_like(a);
    const double slope =
        (net.distance(a + kStep * direction, b) - net.distance(a - kStep * direction, b))
            .item<double>() /
        (2 * kStep);
    EXPECT_NEAR(slope, (a.grad() * direction).sum().item<double>(), 1e-5 * (1 + std::abs(slope)));
  }
}

TEST(Lpips, AMapWithoutFeaturesHasAFiniteGradient) {
  auto weights = random_weights();
  for (auto& [name, tensor] : weights)
    if (name == "features.28.bias") tensor = tensor - 1000;  // relu5_3 is 0 everywhere
  const Lpips net(weights, "");
  auto a = random_images(1, 16, 8).requires_grad_();
  net.distance(a, random_images(1, 16, 9)).sum().backward();
  EXPECT_TRUE(a.grad().isfinite().all().item<bool>());
  EXPECT_GT(a.grad().abs().sum().item<double>(), 0);
}

TEST(Lpips, UnderBf16StaysNearFloat32) {
  const auto a = random_images(2, 32, 10), b = random_images(2, 32, 11);
  const auto exact = random_lpips().distance(a, b);
  const Autocast autocast(true, torch::kCPU);
  EXPECT_EQ(random_lpips().stages(a).back().scalar_type(), torch::kBFloat16);
  auto input = a.clone().requires_grad_();
  const auto rough = random_lpips().distance(input, b);
  EXPECT_EQ(rough.scalar_type(), torch::kFloat32);
  // bf16 has 8 bits; thirteen layers deep, averaged over positions and channels
  EXPECT_LT(((rough - exact) / exact).abs().max().item<double>(), 0.05);
  rough.sum().backward();
  EXPECT_TRUE(input.grad().isfinite().all().item<bool>());
}

TEST(Lpips, FlopsAreVgg16s) {
  // 15.35 G multiply-adds at 224 pixels, the published figure of VGG16's convolutions.
  EXPECT_NEAR(Lpips::flops(224) / 2e9, 15.35, 0.01);
}

TEST(PerceptualNet, LoadsTheKindThatTheRecipeNames) {
  TemporaryFolder folder;
  ModelConfig config;
  config.kind = "lpips";
  auto weights = random_weights();
  write_model_folder(folder / "lpips", config, weights);
  const auto net = PerceptualNet::load(folder / "lpips", Perceptual::lpips, torch::kCPU);
  EXPECT_EQ(net.kind(), Perceptual::lpips);
  EXPECT_EQ(net.hash(), model_hash(folder / "lpips"));
  const auto a = random_images(2, 16, 12), b = random_images(2, 16, 13);
  EXPECT_TRUE(torch::equal(net.distance(a, b), random_lpips().distance(a, b)));

  const auto problem =
      error_of([&] { PerceptualNet::load(folder / "lpips", Perceptual::features, torch::kCPU); });
  EXPECT_NE(problem.find("config.json"), std::string::npos) << problem;
  EXPECT_NE(problem.find("lpips"), std::string::npos) << problem;
  EXPECT_NE(problem.find("expected features, which is tokenizer_training.perceptual"),
            std::string::npos)
      << problem;
}

TEST(Lpips, RefusesMissingMisshapenAndUnknownTensorsByName) {
  TemporaryFolder folder;
  ModelConfig config;
  config.kind = "lpips";
  const auto problem_with = [&](const TensorMap& weights) {
    write_model_folder(folder / "net", config, weights);
    return error_of([&] { Lpips::load(folder / "net", torch::kCPU); });
  };
  const auto good = random_weights();
  EXPECT_EQ(problem_with(good), "");
  auto weights = good;
  weights.erase("lin3.weight");
  EXPECT_NE(problem_with(weights).find("'lin3.weight' is missing"), std::string::npos);
  weights = good;
  weights["features.7.bias"] = torch::zeros({64});
  EXPECT_NE(problem_with(weights).find("features.7.bias"), std::string::npos);
  weights = good;
  weights["classifier.0.bias"] = torch::zeros({4});
  EXPECT_NE(problem_with(weights).find("'classifier.0.bias' is not known"), std::string::npos);
}

}  // namespace
}  // namespace tessera
