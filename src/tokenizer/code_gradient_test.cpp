#include "tokenizer/code_gradient.h"

#include <gtest/gtest.h>

#include "tokenizer/double_quantizer_test.h"

namespace tessera {
namespace {

struct Case {
  std::vector<double> latent, code, gradient, expected;
};

// The gradient that reaches `latent` when `gradient` arrives at its code.
torch::Tensor carried(const torch::Tensor& latent, const torch::Tensor& code,
                      const torch::Tensor& gradient) {
  auto z = latent.clone().requires_grad_();
  (rotate_onto(z, code) * gradient).sum().backward();
  return z.grad();
}

TEST(RotationTrick, MatchesHandWorkedCases) {
  const std::vector<Case> cases = {
      // A quarter turn and 3/2 of the length: M = 1.5 [[0, -1], [1, 0]], and M^T g.
      {{2, 0}, {0, 3}, {1, 0}, {0, -1.5}},
      {{2, 0}, {0, 3}, {0, 1}, {1.5, 0}},
      // The same direction: only rescaled.
      {{1, 0}, {2, 0}, {3, -4}, {6, -8}},
      // The code itself: nothing changes.
      {{0.6, 0.8}, {0.6, 0.8}, {3, -4}, {3, -4}},
      // Opposite: the reflection that takes one onto the other.
      {{1, 0}, {-2, 0}, {1, 2}, {-2, 4}},
      // An eighth turn from (1, 0) to (1, 1) / sqrt 2, turned back: (g1 + g2, g2 - g1) / sqrt 2.
      {{1, 0}, {M_SQRT1_2, M_SQRT1_2}, {1, 0}, {M_SQRT1_2, -M_SQRT1_2}}};
  for (const auto& [latent, code, gradient, expected] : cases)
    EXPECT_TRUE(
        torch::allclose(carried(torch::tensor(latent, kDouble), torch::tensor(code, kDouble),
                                torch::tensor(gradient, kDouble)),
                        torch::tensor(expected, kDouble), 1e-12, 1e-12))
        << latent << " onto " << code;
}

TEST(RotationTrick, ValueIsExactlyTheCode) {
  torch::manual_seed(1);
  const auto latents = torch::randn({500, 8}), codes = 100 * torch::randn({500, 8});
  EXPECT_TRUE(torch::equal(rotate_onto(latents, codes), codes));
  const auto nothing = torch::zeros({1, 8});
  EXPECT_TRUE(torch::equal(rotate_onto(nothing, codes[0]), codes.slice(0, 0, 1)));
  EXPECT_TRUE(
      torch::equal(rotate_onto(latents, torch::zeros_like(latents)), torch::zeros_like(latents)));
}

// A rotation keeps angles: the gradient stands to the latent as it stood to the code, and its
// length is multiplied by |code| / |latent|.
TEST(RotationTrick, KeepsTheAngleBetweenGradientAndCode) {
  torch::manual_seed(2);
  const auto latents = torch::randn({100, 5}, kDouble), codes = torch::randn({100, 5}, kDouble),
             gradients = torch::randn({100, 5}, kDouble);
  const auto moved = carried(latents, codes, gradients);
  const auto scale = codes.norm(2, 1) / latents.norm(2, 1);
  EXPECT_TRUE(torch::allclose(moved.norm(2, 1), gradients.norm(2, 1) * scale, 1e-10));
  EXPECT_TRUE(torch::allclose(torch::cosine_similarity(moved, latents, 1),
                              torch::cosine_similarity(gradients, codes, 1), 1e-9, 1e-12));
}

TEST(RotationTrick, GivesFiniteGradientsWithoutADirection) {
  const auto zero = torch::zeros({1, 3}, kDouble), one = torch::ones({1, 3}, kDouble);
  EXPECT_TRUE(carried(zero, one, one).isfinite().all().item<bool>());
  EXPECT_TRUE(carried(one, zero, one).isfinite().all().item<bool>());
  EXPECT_TRUE(carried(zero, zero, one).isfinite().all().item<bool>());
}

TEST(StraightThrough, PassesTheGradientUnchanged) {
  torch::manual_seed(3);
  auto latents = torch::randn({6, 4}, kDouble).requires_grad_();
  auto codes = torch::randn({6, 4}, kDouble).requires_grad_();
  const auto gradient = torch::randn({6, 4}, kDouble);
  const auto quantized = straight_through(latents, codes);
  EXPECT_TRUE(torch::allclose(quantized, codes, 0, 1e-15));
  (quantized * gradient).sum().backward();
  EXPECT_TRUE(torch::equal(latents.grad(), gradient));
  EXPECT_FALSE(codes.grad().defined());
}

}  // namespace
}  // namespace tessera
