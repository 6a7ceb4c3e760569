#include "training/op_group_norm_silu.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "training/device.h"

namespace tessera {
namespace {

struct Case {
  std::vector<std::int64_t> shape;  // [B, C, H, W]
  int groups;
};
// Group widths 1, 2, 4 and 16; odd sizes; one image of several blocks.
const Case kCases[] = {{{3, 32, 5, 7}, 32},
                       {{2, 64, 9, 9}, 32},
                       {{1, 128, 33, 31}, 32},
                       {{2, 512, 3, 5}, 32},
                       {{1, 6, 1, 1}, 3}};

struct Result {
  torch::Tensor y, dx, weight, bias;
};

Result run(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
           const torch::Tensor& dy, int groups, bool silu) {
  const auto leaf = [](const torch::Tensor& t) { return t.detach().clone().requires_grad_(); };
  const auto a = leaf(x), b = leaf(weight), c = leaf(bias);
  const auto y = group_norm_silu(a, b, c, groups, 1e-6, silu);
  y.backward(dy);
  return {y.detach(), a.grad(), b.grad(), c.grad()};
}

struct Inputs {
  torch::Tensor x, weight, bias, dy;
};

Inputs random_inputs(const Case& test, torch::ScalarType type) {
  torch::manual_seed(1);
  const auto like_image = [&] {
    return torch::randn(test.shape).to(type).contiguous(torch::MemoryFormat::ChannelsLast);
  };
  return {like_image() + 0.5, torch::randn({test.shape[1]}), torch::randn({test.shape[1]}),
          like_image()};
}

// Largest error against float64 in plain LibTorch, in units of the largest value.
void expect_close(const torch::Tensor& found, const torch::Tensor& exact, double bound,
                  const char* what) {
  const double scale = 1 + exact.abs().max().item<double>();
  EXPECT_LE((found.to(torch::kFloat64) - exact).abs().max().item<double>(), bound * scale) << what;
}

class GroupNormSilu : public testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Types, GroupNormSilu, testing::Values(torch::kFloat32, torch::kBFloat16));

TEST_P(GroupNormSilu, MatchesPlainTorchInFloat64) {
  // Output and dx are rounded once to their type; the sums behind them are float32.
  const double rounding = GetParam() == torch::kBFloat16 ? 0x1p-8 : 0;
  for (const auto& test : kCases)
    for (const bool silu : {true, false}) {
      const auto in = random_inputs(test, GetParam());
      const auto found = run(in.x, in.weight, in.bias, in.dy, test.groups, silu);
      const auto wide = [](const torch::Tensor& t) { return t.to(torch::kFloat64); };
      const auto exact =
          run(wide(in.x), wide(in.weight), wide(in.bias), wide(in.dy), test.groups, silu);
      EXPECT_EQ(found.y.scalar_type(), GetParam());
      EXPECT_EQ(found.dx.scalar_type(), GetParam());
      EXPECT_TRUE(found.y.is_contiguous(torch::MemoryFormat::ChannelsLast));
      // A group of two values or more around zero: 1/std, which magnifies rounding, stays below 2^8
      // here.
      constexpr double kArithmetic = 256 * 0x1p-24;
      expect_close(found.y, exact.y, rounding + kArithmetic, "y");
      expect_close(found.dx, exact.dx, rounding + kArithmetic, "dx");
      expect_close(found.weight, exact.weight, kArithmetic, "weight");
      expect_close(found.bias, exact.bias, kArithmetic, "bias");
    }
}

TEST_P(GroupNormSilu, IsTheSameForAnyNumberOfThreads) {
  const auto in = random_inputs({{1, 64, 64, 64}, 32}, GetParam());
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto alone = run(in.x, in.weight, in.bias, in.dy, 32, true);
  at::set_num_threads(2);
  const auto together = run(in.x, in.weight, in.bias, in.dy, 32, true);
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(alone.y, together.y) && torch::equal(alone.dx, together.dx));
  EXPECT_TRUE(torch::equal(alone.weight, together.weight) &&
              torch::equal(alone.bias, together.bias));
}

TEST(GroupNormSiluGradient, IsTheSlopeOfTheForward) {
  const auto in = random_inputs({{2, 6, 3, 3}, 3}, torch::kFloat32);
  const auto found = run(in.x, in.weight, in.bias, in.dy, 3, true);
  const auto loss = [&](const torch::Tensor& x) {  // in float64: the slope's own error is step^2
    const auto y = group_norm_silu(x, in.weight.to(torch::kFloat64), in.bias.to(torch::kFloat64), 3,
                                   1e-6, true);
    return (y * in.dy).sum().item<double>();
  };
  constexpr double kStep = 1e-4;
  const auto x = in.x.to(torch::kFloat64);
  for (std::int64_t at = 0; at < x.numel(); ++at) {
    auto direction = torch::zeros_like(x);
    direction.data_ptr<double>()[at] = kStep;  // both are channels-last
    const double slope = (loss(x + direction) - loss(x - direction)) / (2 * kStep);
    EXPECT_NEAR(found.dx.data_ptr<float>()[at], slope, 1e-5 * (1 + std::abs(slope)));
  }
}

TEST(GroupNormSiluInput, MayBeContiguousAndUnderAutocast) {
  const auto in = random_inputs({{2, 32, 6, 5}, 32}, torch::kBFloat16);
  const auto expected = run(in.x, in.weight, in.bias, in.dy, 32, true);
  const Autocast autocast(true, torch::kCPU);
  const auto found = run(in.x.contiguous(), in.weight, in.bias, in.dy.contiguous(), 32, true);
  EXPECT_TRUE(torch::equal(found.y, expected.y));
  EXPECT_TRUE(torch::equal(found.dx, expected.dx));
}

}  // namespace
}  // namespace tessera
