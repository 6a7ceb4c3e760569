#include "training/adamw.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace tessera {
namespace {

constexpr AdamWOptions kOptions{.beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1};

// A matrix, a bias and a channels-last filter, with gradients that differ at every step.
struct Model : torch::nn::Module {
  Model() {
    torch::manual_seed(1);
    matrix = register_parameter("matrix", torch::randn({300, 257}));
    bias = register_parameter("bias", torch::randn({33}));
    filter = register_parameter(
        "filter", torch::randn({4, 6, 3, 3}).contiguous(torch::MemoryFormat::ChannelsLast));
    unused = register_parameter("unused", torch::ones({2, 2}));
  }
  void set_gradients(int step) {
    torch::manual_seed(100 + step);
    for (auto* parameter : {&matrix, &bias, &filter})
      parameter->mutable_grad() = torch::randn(parameter->sizes());
  }
  torch::Tensor matrix, bias, filter, unused;
};

TEST(AdamW, FollowsTorchsOwn) {
  Model ours, theirs;
  AdamW optimizer(ours, kOptions);
  auto options = torch::optim::AdamWOptions(0.01).betas({0.9, 0.95}).eps(1e-8).weight_decay(0.1);
  torch::optim::AdamW matrices({theirs.matrix, theirs.filter}, options);
  torch::optim::AdamW vectors({theirs.bias}, torch::optim::AdamWOptions(options).weight_decay(0));
  for (int step = 0; step < 5; ++step) {
    ours.set_gradients(step);
    theirs.set_gradients(step);
    optimizer.step(0.01);
    matrices.step();
    vectors.step();
  }
  // Five steps of at most 0.01 on values below 8, each step rounded a few times.
  for (const auto& item : ours.named_parameters())
    EXPECT_LE((item.value() - theirs.named_parameters()[item.key()]).abs().max().item<double>(),
              5 * 8 * 4 * 0x1p-24)
        << item.key();
  EXPECT_TRUE(torch::equal(ours.unused, torch::ones({2, 2})));
}

TEST(AdamW, ClipsToTheLimit) {
  Model clipped, scaled;
  AdamW first(clipped, kOptions), second(scaled, kOptions);
  clipped.set_gradients(0);
  scaled.set_gradients(0);
  double squares = 0;
  for (const auto& parameter : {scaled.matrix, scaled.bias, scaled.filter})
    squares += parameter.grad().to(torch::kFloat64).square().sum().item<double>();
  const double norm = first.clip_gradients(0.5);
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-9 * norm);
  torch::NoGradGuard no_grad;
  for (const auto& parameter : {scaled.matrix, scaled.bias, scaled.filter})
    parameter.mutable_grad().mul_(0.5 / norm);
  first.step(0.01);
  second.step(0.01);
  EXPECT_LE((clipped.matrix - scaled.matrix).abs().max().item<double>(), 8 * 0x1p-24);
  EXPECT_LE((first.state().at("matrix.first") - second.state().at("matrix.first"))
                .abs()
                .max()
                .item<double>(),
            0x1p-24);
}

TEST(AdamW, RefusesGradientsThatAreNotFinite) {
  Model model;
  AdamW optimizer(model, kOptions);
  model.set_gradients(0);
  torch::NoGradGuard no_grad;
  model.bias.mutable_grad()[7] = std::nan("");
  EXPECT_THROW(optimizer.clip_gradients(1), Error);
}

TEST(AdamW, GoesOnFromItsState) {
  Model whole, halves;
  AdamW optimizer(whole, kOptions), before(halves, kOptions);
  for (int step = 0; step < 4; ++step) {
    whole.set_gradients(step);
    optimizer.step(0.01);
  }
  for (int step = 0; step < 2; ++step) {
    halves.set_gradients(step);
    before.step(0.01);
  }
  AdamW after(halves, kOptions);
  after.load_state(before.state(), "state");
  for (int step = 2; step < 4; ++step) {
    halves.set_gradients(step);
    after.step(0.01);
  }
  for (const auto& item : whole.named_parameters())
    EXPECT_TRUE(torch::equal(item.value(), halves.named_parameters()[item.key()])) << item.key();
}

}  // namespace
}  // namespace tessera
