#include "training/recompute.h"

#include <gtest/gtest.h>

#include "training/device.h"
#include "training/op_add_dropout.h"

namespace tessera {
namespace {

using Body = std::function<torch::Tensor(const torch::Tensor&)>;

// Two layers with both kinds of dropout: LibTorch's mask and our fused one.
struct LayersImpl : torch::nn::Module {
  LayersImpl()
      : first(register_module("first", torch::nn::Linear(8, 16))),
        second(register_module("second", torch::nn::Linear(16, 8))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    ++runs;
    return add_dropout(x, second(torch::dropout(first(x).relu(), 0.5, true)).to(torch::kFloat32),
                       0.3);
  }
  torch::nn::Linear first, second;
  int runs = 0;
};
TORCH_MODULE(Layers);

struct Outcome {
  torch::Tensor y;
  std::vector<torch::Tensor> gradients;  // of x and of each parameter
  double next_random;
};

// Runs through all layers and draws after it. In float32 it goes round twice, so that gradients add
// up; under autocast they would add up in bf16 without recompute and in float32 with it.
Outcome run(std::vector<Layers>& all, bool bf16, bool again) {
  torch::manual_seed(3);
  auto x = torch::randn({5, 8}).requires_grad_();
  torch::Tensor y = x;
  {
    const Autocast autocast(bf16, torch::kCPU);
    for (int round = 0; round < (bf16 ? 1 : 2); ++round)
      for (auto& layers : all) {
        layers->zero_grad();
        const Body body = [layers](const torch::Tensor& input) mutable { return layers(input); };
        y = again ? recompute(body, y, layers->parameters()) : body(y);
      }
  }
  y.square().sum().backward();
  Outcome result{y.detach(), {x.grad()}, torch::rand({1}).item<double>()};
  for (auto& layers : all)
    for (const auto& parameter : layers->parameters())
      result.gradients.push_back(parameter.grad().clone());
  return result;
}

class Recomputed : public testing::TestWithParam<bool> {};

TEST_P(Recomputed, GradientsAreThePlainOnesBitForBit) {
  torch::manual_seed(1);
  std::vector<Layers> all(3);
  for (auto& layers : all) layers = Layers();
  const int rounds = GetParam() ? 1 : 2;
  const auto plain = run(all, GetParam(), false);
  EXPECT_EQ(all[0]->runs, rounds);
  const auto again = run(all, GetParam(), true);
  EXPECT_EQ(all[0]->runs, 3 * rounds);  // forward, and again in backward
  EXPECT_TRUE(again.y.equal(plain.y));
  ASSERT_EQ(again.gradients.size(), 1u + 3 * 4);
  for (std::size_t i = 0; i < plain.gradients.size(); ++i)
    EXPECT_TRUE(again.gradients[i].equal(plain.gradients[i])) << i;
  EXPECT_EQ(again.next_random, plain.next_random);  // backward leaves the generator where it was
}

INSTANTIATE_TEST_SUITE_P(Bf16, Recomputed, testing::Bool());

TEST(Recompute, KeepsOnlyItsInput) {
  // What the body computes is freed when it returns, if only backward would have needed it.
  const auto weight = torch::ones({4}).requires_grad_();
  c10::weak_intrusive_ptr<c10::StorageImpl> inner(torch::zeros({1}).storage().getWeakStorageImpl());
  const Body body = [&, weight](const torch::Tensor& x) {
    const auto kept = (x * weight).exp();  // exp's gradient needs its result
    inner = kept.storage().getWeakStorageImpl();
    return kept * 2;
  };
  const auto x = torch::ones({4}).requires_grad_();
  const auto plain = body(x);
  EXPECT_FALSE(inner.expired());
  const auto again = recompute(body, x, {weight});
  EXPECT_TRUE(inner.expired());
}

TEST(Recompute, FrozenParametersAndInputsGetNoGradient) {
  Layers layers;
  layers->first->weight.set_requires_grad(false);
  const Body body = [layers](const torch::Tensor& input) mutable { return layers(input); };
  const auto x = torch::ones({2, 8});
  recompute(body, x, layers->parameters()).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(layers->first->weight.grad().defined());
  EXPECT_TRUE(layers->second->weight.grad().defined());
}

TEST(Recompute, AGradientThatIsAskedForTouchesNoOther) {
  // As an adaptive loss weight asks: the gradient of one tensor, with the graph kept.
  Layers layers;
  const Body body = [layers](const torch::Tensor& input) mutable { return layers(input); };
  const auto x = torch::ones({2, 8}).requires_grad_();
  const auto loss = recompute(body, x, layers->parameters()).sum();
  const auto asked = torch::autograd::grad({loss}, {x}, {}, /*retain_graph=*/true)[0];
  EXPECT_FALSE(layers->second->weight.grad().defined());
  loss.backward();
  EXPECT_TRUE(x.grad().equal(asked));
}

}  // namespace
}  // namespace tessera
