// The fused operations of the transformer against the same in float64, which plain LibTorch
// computes.
#include <gtest/gtest.h>

#include <functional>

#include "training/op_add_dropout.h"
#include "training/op_causal_attention.h"
#include "training/op_cross_entropy.h"
#include "training/op_rms_norm.h"
#include "training/op_split_heads.h"
#include "training/op_swiglu.h"

namespace tessera {
namespace {

using Tensors = std::vector<torch::Tensor>;
using Operation = std::function<Tensors(const Tensors&)>;

constexpr double kFloat = 0x1p-24, kBf16 = 0x1p-9;  // relative rounding of one operation

// Outputs, then gradients of a fixed random combination of them with respect to all inputs.
Tensors run(const Operation& operation, const Tensors& inputs,
            const std::vector<torch::ScalarType>& types) {
  Tensors leaves;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    leaves.push_back(inputs[i].to(types[i]).detach().clone().requires_grad_());
  auto results = operation(leaves);
  torch::manual_seed(5);
  torch::Tensor sum = torch::zeros({}, torch::kFloat64);
  for (const auto& output : results)
    sum = sum + (output.to(torch::kFloat64) * torch::randn(output.sizes(), torch::kFloat64)).sum();
  sum.backward();
  for (const auto& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

// The inputs are rounded to what the operation is given, so that only its own rounding is compared:
// about `roundings` of them, relative to the largest value.
void expect_exact(const Operation& operation, Tensors inputs,
                  const std::vector<torch::ScalarType>& types, double rounding, double roundings) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    inputs[i] = inputs[i].to(types[i]).to(torch::kFloat64);
  const auto exact = run(operation, inputs, std::vector(inputs.size(), torch::kFloat64));
  const auto found = run(operation, inputs, types);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(found[i].sizes(), exact[i].sizes());
    const double bound = rounding * roundings * exact[i].abs().max().item<double>();
    EXPECT_LE((found[i].to(torch::kFloat64) - exact[i]).abs().max().item<double>(), bound)
        << "result " << i;
  }
}

void expect_exact(const Operation& operation, const Tensors& inputs, double roundings) {
  expect_exact(operation, inputs, std::vector(inputs.size(), torch::kFloat32), kFloat, roundings);
  expect_exact(operation, inputs, std::vector(inputs.size(), torch::kBFloat16), kBf16, roundings);
}

torch::Tensor random(torch::IntArrayRef shape) { return torch::randn(shape, torch::kFloat64); }

TEST(RmsNorm, ValuesAndGradientsAgreeWithDoublePrecision) {
  torch::manual_seed(1);
  for (const std::int64_t columns : {1, 7, 48, 100, 256})
    expect_exact([](const Tensors& in) { return Tensors{rms_norm(in[0], in[1], 1e-5)}; },
                 {random({3, 50, columns}), random({columns})}, {torch::kFloat32, torch::kFloat32},
                 kFloat, 100);
}

TEST(Swiglu, ValuesAndGradientsAgreeWithDoublePrecision) {
  torch::manual_seed(2);
  for (const std::int64_t columns : {1, 7, 48, 20000})
    expect_exact([](const Tensors& in) { return Tensors{swiglu(in[0], in[1])}; },
                 {3 * random({2, columns}), random({2, columns})}, 8);
}

TEST(SplitHeads, ValuesAndGradientsAgreeWithDoublePrecision) {
  torch::manual_seed(3);
  for (const int size : {4, 20, 32, 64, 100}) {
    const auto rotation = torch::rand({70, size / 2, 2});
    const auto split = [&](const Tensors& in, const torch::Tensor& query,
                           const torch::Tensor& key) {
      const auto heads = split_heads(in[0], rotation, 2, query, key, 1e-5);
      return Tensors{heads.query, heads.key, heads.value};
    };
    const auto qkv = random({2, 70, 3 * 2 * size});
    expect_exact([&](const Tensors& in) { return split(in, {}, {}); }, {qkv}, 8);
    const auto with_norm = [&](const Tensors& in) { return split(in, in[1], in[2]); };
    const Tensors inputs = {qkv, random({size}), random({size})};
    expect_exact(with_norm, inputs, {torch::kFloat32, torch::kFloat32, torch::kFloat32}, kFloat,
                 300);
    expect_exact(with_norm, inputs, {torch::kBFloat16, torch::kFloat32, torch::kFloat32}, kBf16,
                 20);
  }
}

TEST(CausalAttention, ValuesAndGradientsAgreeWithDoublePrecision) {
  torch::manual_seed(4);
  for (const std::int64_t positions : {1, 2, 17, 49, 64})
    expect_exact(
        [](const Tensors& in) { return Tensors{causal_attention(in[0], in[1], in[2])}; },
        {random({2, 3, positions, 8}), random({2, 3, positions, 8}), random({2, 3, positions, 8})},
        40);
}

TEST(CrossEntropy, ValuesAndGradientsAgreeWithDoublePrecision) {
  torch::manual_seed(5);
  for (const std::int64_t vocabulary : {1, 7, 512, 3000}) {
    const auto targets = torch::randint(0, vocabulary, {40});
    expect_exact([&](const Tensors& in) { return Tensors{cross_entropy(in[0], targets)}; },
                 {4 * random({40, vocabulary})}, 30);
  }
}

TEST(CrossEntropy, StandsLargeLogits) {
  const auto logits = torch::tensor({{1000.0f, 0.0f}, {-1000.0f, -1001.0f}});
  const auto nats = cross_entropy(logits, torch::tensor({1, 0}));
  EXPECT_EQ(nats[0].item<float>(), 1000.0f);
  EXPECT_NEAR(nats[1].item<float>(), std::log1p(std::exp(-1.0)), 1e-4);
}

class DropoutOf : public testing::TestWithParam<torch::ScalarType> {};

TEST_P(DropoutOf, DropsTheAskedShareAndKeepsTheMean) {
  torch::manual_seed(6);
  const auto x = torch::zeros({200, 1001}), branch = torch::ones({200, 1001}).to(GetParam());
  const auto y = add_dropout(x, branch, 0.25);
  const double count = static_cast<double>(y.numel()),
               share = (y == 0).to(torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(share, 0.25, 4 * std::sqrt(0.25 * 0.75 / count));
  EXPECT_TRUE(((y == 0) | ((y - 4.0 / 3).abs() < 1e-6)).all().item<bool>());
  EXPECT_FALSE(add_dropout(x, branch, 0.25).equal(y));
  // Neighbours fall independently: both go with probability 1/16, along rows and across them.
  for (const int dimension : {0, 1}) {
    const auto gone = (y == 0).to(torch::kFloat64), next = gone.roll(1, dimension);
    EXPECT_NEAR((gone * next).mean().item<double>(), 1.0 / 16, 4 * std::sqrt(1.0 / 16 / count))
        << dimension;
  }
}

TEST_P(DropoutOf, TheGradientFollowsTheSameMask) {
  torch::manual_seed(7);
  auto x = torch::randn({30, 1001}).requires_grad_();
  auto branch = torch::ones({30, 1001}).to(GetParam()).requires_grad_();
  const auto y = add_dropout(x, branch, 0.5);
  y.backward(torch::full_like(y, 3));
  EXPECT_TRUE(x.grad().eq(3).all().item<bool>());
  EXPECT_TRUE(branch.grad().to(torch::kFloat32).allclose(3 * (y - x).detach(), 0, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Types, DropoutOf, testing::Values(torch::kFloat32, torch::kBFloat16));

}  // namespace
}  // namespace tessera
