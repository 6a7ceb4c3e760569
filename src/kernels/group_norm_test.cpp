#include "kernels/group_norm.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

using Numbers = std::vector<double>;

Numbers random_numbers(std::size_t count, std::uint64_t seed, double centre = 0) {
  std::mt19937_64 rng(seed);
  Numbers numbers(count);
  for (double& number : numbers) number = centre + static_cast<double>(rng() >> 11) * 0x1p-52 - 1;
  return numbers;
}

template <typename T>
std::vector<T> rounded(Numbers& numbers) {
  std::vector<T> result;
  for (double& number : numbers) {
    result.push_back(from_float<T>(static_cast<float>(number)));
    number = to_float(result.back());  // the reference sees the same input
  }
  return result;
}

// Unit roundoff: 24 and 8 significant bits.
template <typename T>
constexpr double kRounding = sizeof(T) == 4 ? 0x1p-24 : 0x1p-8;

// One sample, whole: what the LibTorch operation does in threads, here in blocks of `block_rows`.
template <typename T>
struct Fused {
  std::size_t rows, channels, groups, block_rows;
  bool silu;
  std::vector<float> weight, bias, maps, shift, slope;

  template <typename Body>
  void for_each_block(const Body& body) const {
    for (std::size_t row = 0; row < rows; row += block_rows)
      body(Block{std::min(block_rows, rows - row), channels}, row * channels, row / block_rows);
  }
  ChannelMaps channel_maps() const {
    const float* at = maps.data();
    return {at, at + channels, at + 2 * channels, at + 3 * channels};
  }
  void measure(const std::vector<T>& x, double epsilon) {
    std::vector<float> mean(channels * rows), squares(mean.size()), group_mean(groups),
        scale(groups);
    std::vector<std::size_t> counts;
    for_each_block([&](Block block, std::size_t at, std::size_t index) {
      channel_moments(block, x.data() + at, &mean[index * channels], &squares[index * channels]);
      counts.push_back(block.rows);
    });
    group_statistics(counts.size(), counts.data(), channels, groups, epsilon, mean.data(),
                     squares.data(), group_mean.data(), scale.data());
    maps.resize(4 * channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t group = c * groups / channels;
      maps[c] = group_mean[group];
      maps[channels + c] = scale[group];
      maps[2 * channels + c] = scale[group] * weight[c];
      maps[3 * channels + c] = bias[c] - maps[c] * maps[2 * channels + c];
    }
  }
};

struct Shape {
  std::size_t rows, channels, groups;
};
const Shape kShapes[] = {{1, 4, 2},    {3, 6, 3},      {64, 32, 32},  {49, 64, 32},
                         {257, 20, 5}, {100, 128, 32}, {40, 512, 32}, {7, 33, 3}};

template <typename T>
void forward_and_backward_agree(Shape shape, bool silu) {
  const auto [rows, channels, groups] = shape;
  auto x = random_numbers(rows * channels, 1, 0.3), dy = random_numbers(rows * channels, 2);
  auto weight = random_numbers(channels, 3, 1), bias = random_numbers(channels, 4);
  const auto x_in = rounded<T>(x), dy_in = rounded<T>(dy);
  Fused<T> fused{rows, channels, groups, 32, silu, rounded<float>(weight), rounded<float>(bias),
                 {},   {},       {}};
  fused.measure(x_in, 1e-6);

  const GroupNormReference reference{rows, channels, groups, 1e-6, silu};
  Numbers y(x.size()), dx(x.size()), weight_sum(channels), bias_sum(channels);
  reference.forward(x.data(), weight.data(), bias.data(), y.data());
  reference.backward(x.data(), weight.data(), bias.data(), dy.data(), dx.data(), weight_sum.data(),
                     bias_sum.data());

  std::vector<T> y_out(x.size()), dx_out(x.size());
  const auto maps = fused.channel_maps();
  std::vector<double> bias_out(channels), weight_out(channels);
  std::vector<float> bias_part(channels), weight_part(channels), shift(channels), slope(channels);
  fused.for_each_block([&](Block block, std::size_t at, std::size_t) {
    normalise(block, maps, silu, &x_in[at], &y_out[at]);
    normalise_sums(block, maps, silu, &x_in[at], &dy_in[at], bias_part.data(), weight_part.data());
    for (std::size_t c = 0; c < channels; ++c)
      bias_out[c] += bias_part[c], weight_out[c] += weight_part[c];
  });
  const std::size_t width = channels / groups;
  for (std::size_t c = 0; c < channels; ++c) {
    double along_one = 0, along_xhat = 0;
    for (std::size_t k = c / width * width; k < (c / width + 1) * width; ++k)
      along_one += weight[k] * bias_out[k], along_xhat += weight[k] * weight_out[k];
    const double factor = maps.inverse[c] / static_cast<double>(rows * width);
    shift[c] = static_cast<float>(along_one * factor);
    slope[c] = static_cast<float>(along_xhat * factor);
  }
  fused.for_each_block([&](Block block, std::size_t at, std::size_t) {
    normalise_gradient(block, maps, silu, shift.data(), slope.data(), &x_in[at], &dy_in[at],
                       &dx_out[at]);
  });

  // Float32 arithmetic on values of a few units (1/std magnifies them), then one rounding to T.
  const double inverse = *std::max_element(maps.inverse, maps.inverse + channels);
  const double arithmetic = 64 * 0x1p-24 * (1 + inverse) * (1 + inverse);
  for (std::size_t at = 0; at < x.size(); ++at) {
    ASSERT_NEAR(to_float(y_out[at]), y[at], arithmetic + kRounding<T> * std::abs(y[at])) << at;
    ASSERT_NEAR(to_float(dx_out[at]), dx[at],
                arithmetic * inverse + kRounding<T> * std::abs(dx[at]))
        << at;
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const double bound = arithmetic * static_cast<double>(rows);
    EXPECT_NEAR(bias_out[c], bias_sum[c], bound) << c;
    EXPECT_NEAR(weight_out[c], weight_sum[c], bound * (1 + inverse)) << c;
  }
}

class GroupNorm : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, GroupNorm, testing::ValuesIn(instruction_sets()),
                         instruction_set_name);

TEST_P(GroupNorm, MatchesDoublePrecisionInFloat32) {
  for (const auto& shape : kShapes)
    for (const bool silu : {true, false}) forward_and_backward_agree<float>(shape, silu);
}

TEST_P(GroupNorm, MatchesDoublePrecisionInBf16) {
  for (const auto& shape : kShapes)
    for (const bool silu : {true, false}) forward_and_backward_agree<Bf16>(shape, silu);
}

TEST_P(GroupNorm, KeepsPrecisionWhenTheMeanIsLarge) {
  constexpr std::size_t kRows = 1000, kChannels = 16;
  auto x = random_numbers(kRows * kChannels, 5, 4096);
  const auto input = rounded<float>(x);
  Fused<float> fused{kRows,
                     kChannels,
                     4,
                     128,
                     false,
                     std::vector<float>(kChannels, 1),
                     std::vector<float>(kChannels, 0),
                     {},
                     {},
                     {}};
  fused.measure(input, 0);
  for (std::size_t group = 0; group < 4; ++group) {
    double sum = 0, squares = 0;
    for (std::size_t at = 0; at < x.size(); ++at)
      if (at % kChannels / 4 == group) sum += x[at] - 4096;
    const double mean = 4096 + sum / (kRows * 4);
    for (std::size_t at = 0; at < x.size(); ++at)
      if (at % kChannels / 4 == group) squares += (x[at] - mean) * (x[at] - mean);
    EXPECT_NEAR(fused.maps[group * 4], mean, 4096 * 0x1p-24);
    const double inverse = 1 / std::sqrt(squares / (kRows * 4));
    EXPECT_NEAR(fused.maps[kChannels + group * 4], inverse, inverse * 128 * 0x1p-24);
  }
}

TEST_P(GroupNorm, CarriesNanAndInfinityThrough) {
  for (const float bad : {std::nanf(""), HUGE_VALF}) {
    std::vector<Bf16> x(32, from_float<Bf16>(bad)), y(32);
    const std::vector<float> maps(4 * 16, 1.0f);
    normalise({2, 16}, {maps.data(), maps.data(), maps.data(), maps.data()}, false, x.data(),
              y.data());
    for (const Bf16 value : y)
      EXPECT_TRUE(std::isnan(bad) ? std::isnan(to_float(value)) : to_float(value) == bad);
  }
}

TEST(GroupNormReference, GradientIsTheSlopeOfTheForward) {
  const GroupNormReference shape{5, 6, 3, 1e-6, true};
  const auto x = random_numbers(30, 6), weight = random_numbers(6, 7, 1),
             bias = random_numbers(6, 8);
  const auto dy = random_numbers(30, 9);
  Numbers dx(30), weight_gradient(6), bias_gradient(6);
  shape.backward(x.data(), weight.data(), bias.data(), dy.data(), dx.data(), weight_gradient.data(),
                 bias_gradient.data());
  const auto loss = [&](const Numbers& at, const Numbers& w, const Numbers& b) {
    Numbers y(30);
    shape.forward(at.data(), w.data(), b.data(), y.data());
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
    return sum;
  };
  const auto slope = [](Numbers values, std::size_t index, auto f) {
    constexpr double kStep = 1e-5;  // error of the difference: step^2 times the third derivative
    values[index] += kStep;
    const double above = f(values);
    values[index] -= 2 * kStep;
    return (above - f(values)) / (2 * kStep);
  };
  for (std::size_t i = 0; i < 30; ++i)
    EXPECT_NEAR(dx[i], slope(x, i, [&](const Numbers& v) { return loss(v, weight, bias); }), 1e-7);
  for (std::size_t c = 0; c < 6; ++c) {
    EXPECT_NEAR(weight_gradient[c],
                slope(weight, c, [&](const Numbers& v) { return loss(x, v, bias); }), 1e-7);
    EXPECT_NEAR(bias_gradient[c],
                slope(bias, c, [&](const Numbers& v) { return loss(x, weight, v); }), 1e-7);
  }
}

}  // namespace
}  // namespace tessera::kernels
