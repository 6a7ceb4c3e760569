#include "tokenizer/code_cross_entropy.h"

#include <gtest/gtest.h>

#include "tokenizer/code_distance.h"
#include "tokenizer/double_quantizer_test.h"
#include "tokenizer/numeric_gradient_test.h"

namespace tessera {
namespace {

TEST(CodeCrossEntropy, MatchesAHandWorkedCase) {
  // Codes 0 and 1 on a line, a prediction of 0.25: squared distances 1/16 and 9/16, precision 2.
  const auto loss =
      code_cross_entropy(torch::tensor({{0.25}}, kDouble), torch::tensor(2.0, kDouble),
                         torch::tensor({{0.0}, {1.0}}, kDouble), torch::tensor({1}, torch::kInt64));
  EXPECT_NEAR(loss.item<double>(), std::log(1 + std::exp(1.0)), 1e-12);
}

TEST(CodeCrossEntropy, ValueAndGradientsAreTheDefinitions) {
  torch::manual_seed(1);
  auto predicted = torch::randn({9, 3}, kDouble).requires_grad_();
  auto precision = torch::tensor(0.8, kDouble).requires_grad_();
  const auto codebook = torch::randn({6, 3}, kDouble);
  const auto codes = torch::randint(6, {9}, torch::kInt64);
  const auto loss = code_cross_entropy(predicted, precision, codebook, codes);
  const auto logits = -precision * (predicted.unsqueeze(1) - codebook).square().sum(2);
  const auto expected = torch::nn::functional::cross_entropy(logits, codes);
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-12);
  const auto found = torch::autograd::grad({3 * loss}, {predicted, precision});
  const auto wanted = torch::autograd::grad({3 * expected}, {predicted, precision});
  for (std::size_t i : {0, 1}) EXPECT_LT(largest_difference(found[i], wanted[i]), 1e-12);
}

TEST(CodeCrossEntropy, GradientsMatchFiniteDifferences) {
  torch::manual_seed(2);
  auto predicted = torch::randn({5, 2}, kDouble).requires_grad_();
  auto precision = torch::tensor(1.3, kDouble).requires_grad_();
  const auto codebook = torch::randn({4, 2}, kDouble);
  const auto codes = torch::randint(4, {5}, torch::kInt64);
  const auto loss = [&](const torch::Tensor& points, const torch::Tensor& sharp) {
    return code_cross_entropy(points, sharp, codebook, codes);
  };
  loss(predicted, precision).backward();
  const auto by_point = numeric_gradient(
      predicted, [&](const torch::Tensor& x) { return loss(x, precision).item<double>(); });
  const auto by_precision = numeric_gradient(
      precision, [&](const torch::Tensor& x) { return loss(predicted, x).item<double>(); });
  EXPECT_LT(largest_difference(predicted.grad(), by_point), kNumericTolerance);
  EXPECT_LT(largest_difference(precision.grad(), by_precision), kNumericTolerance);
}

TEST(CodeCrossEntropy, DoesNotDependOnTheSlices) {
  constexpr std::int64_t kCodes = 131072;
  const auto rows = latents_per_slice(1 << 20, kCodes, 4);  // one slice
  torch::manual_seed(3);
  auto predicted = torch::randn({rows, 8}).requires_grad_();
  auto precision = torch::tensor(0.5f).requires_grad_();
  const auto codebook = torch::randn({kCodes, 8});
  const auto codes = torch::randint(kCodes, {rows}, torch::kInt64);
  const auto once = code_cross_entropy(predicted, precision, codebook, codes);
  const auto twice =
      code_cross_entropy(predicted.repeat({2, 1}), precision, codebook, codes.repeat({2}));
  const double tolerance = 1e-5;  // float32 sums of a slice's terms, each rounded to 6e-8
  EXPECT_NEAR(twice.item<double>(), once.item<double>(), tolerance * once.item<double>());
  const auto expected = torch::autograd::grad({once}, {predicted, precision});
  const auto found = torch::autograd::grad({twice}, {predicted, precision});
  for (std::size_t i : {0, 1})
    EXPECT_LT(largest_difference(found[i], expected[i]),
              tolerance * expected[i].abs().max().item<double>());
}

}  // namespace
}  // namespace tessera
