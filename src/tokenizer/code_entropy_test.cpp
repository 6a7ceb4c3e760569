#include "tokenizer/code_entropy.h"

#include <gtest/gtest.h>

#include "tokenizer/code_distance.h"
#include "tokenizer/double_quantizer_test.h"
#include "tokenizer/numeric_gradient_test.h"

namespace tessera {
namespace {

// As the papers write it, from the whole matrix of squared differences.
torch::Tensor entropy_loss_by_definition(const torch::Tensor& latents, const torch::Tensor& codes,
                                         double temperature) {
  const auto p =
      torch::softmax((latents.unsqueeze(1) - codes).square().sum(2) / -temperature, 1);  // [N, V]
  const auto entropy = [](const torch::Tensor& x) { return -torch::xlogy(x, x).sum(-1); };
  return entropy(p).mean() - entropy(p.mean(0));
}

TEST(CodeEntropy, IsLowestForSureChoicesAndEvenUse) {
  const auto codes = 10 * torch::eye(4, kDouble);
  EXPECT_NEAR(code_entropy_loss(codes, codes, 1).item<double>(), -std::log(4), 1e-12);
  // All sure of one code, or all undecided: no more is known of a latent than of all.
  EXPECT_NEAR(code_entropy_loss(codes.slice(0, 0, 1).repeat({2, 1}), codes, 1).item<double>(), 0,
              1e-12);
  EXPECT_NEAR(code_entropy_loss(torch::zeros({3, 4}, kDouble), codes, 1).item<double>(), 0, 1e-12);
}

class CodeEntropyAt : public testing::TestWithParam<double> {};

TEST_P(CodeEntropyAt, ValueAndGradientsAreTheDefinitions) {
  torch::manual_seed(1);
  auto latents = torch::randn({7, 3}, kDouble).requires_grad_();
  auto codes = torch::randn({5, 3}, kDouble).requires_grad_();
  const auto loss = code_entropy_loss(latents, codes, GetParam());
  const auto expected = entropy_loss_by_definition(latents, codes, GetParam());
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-12);
  const auto found = torch::autograd::grad({3 * loss}, {latents, codes});
  const auto wanted = torch::autograd::grad({3 * expected}, {latents, codes});
  for (std::size_t i : {0, 1}) EXPECT_LT(largest_difference(found[i], wanted[i]), 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Temperature, CodeEntropyAt, testing::Values(0.05, 1.0, 10.0));

TEST(CodeEntropy, GradientsMatchFiniteDifferences) {
  torch::manual_seed(2);
  auto latents = torch::randn({6, 2}, kDouble).requires_grad_();
  auto codes = torch::randn({4, 2}, kDouble).requires_grad_();
  code_entropy_loss(latents, codes, 0.7).backward();
  EXPECT_LT(largest_difference(
                latents.grad(),
                numeric_gradient(latents,
                                 [&](const torch::Tensor& moved) {
                                   return code_entropy_loss(moved, codes, 0.7).item<double>();
                                 })),
            kNumericTolerance);
  EXPECT_LT(largest_difference(
                codes.grad(),
                numeric_gradient(codes,
                                 [&](const torch::Tensor& moved) {
                                   return code_entropy_loss(latents, moved, 0.7).item<double>();
                                 })),
            kNumericTolerance);
}

TEST(CodeEntropy, ConstantCodesAndUnreachableCodesAreFine) {
  torch::manual_seed(3);
  auto latents = torch::randn({8, 2}).requires_grad_();
  auto codes = torch::randn({4, 2});
  codes[3] += 1e4;  // exp of minus its distance is 0 in float32
  const auto loss = code_entropy_loss(latents, codes, 0.01);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  loss.backward();
  EXPECT_TRUE(latents.grad().isfinite().all().item<bool>());
}

// Latents that are all there twice make the same loss; twice as many slices compute it.
TEST(CodeEntropy, DoesNotDependOnTheSlices) {
  constexpr std::int64_t kCodes = 131072;
  const auto rows = latents_per_slice(1 << 20, kCodes, 4);  // one slice
  torch::manual_seed(4);
  auto latents = torch::randn({rows, 8}).requires_grad_();
  auto codes = torch::randn({kCodes, 8}).requires_grad_();
  const auto once = code_entropy_loss(latents, codes, 0.5);
  const auto twice = code_entropy_loss(latents.repeat({2, 1}), codes, 0.5);
  const double tolerance = 1e-5;  // float32 sums of a slice's terms, each rounded to 6e-8
  EXPECT_NEAR(twice.item<double>(), once.item<double>(), tolerance * std::log(kCodes));
  const auto expected = torch::autograd::grad({once}, {latents, codes});
  const auto found = torch::autograd::grad({twice}, {latents, codes});
  for (std::size_t i : {0, 1}) {
    EXPECT_GT(expected[i].abs().max().item<double>(), 0);
    EXPECT_LT(largest_difference(found[i], expected[i]),
              tolerance * expected[i].abs().max().item<double>());
  }
}

}  // namespace
}  // namespace tessera
