#include "metrics/pixel_errors.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

// Pixels that are whole bytes, so that rounding changes nothing.
torch::Tensor random_images(std::int64_t count, std::int64_t height, std::int64_t width) {
  return torch::randint(0, 256, {count, 3, height, width}).to(torch::kFloat32) / 127.5 - 1;
}

TEST(PixelErrors, OfAConstantOffsetAreKnown) {
  const auto a = torch::full({1, 3, 4, 4}, 0.2), b = torch::full({1, 3, 4, 4}, 0.2 + 51 / 127.5);
  // 51 of 255 is 0.2 of the range, and 0.4 on [-1, 1].
  EXPECT_NEAR(psnr(a, b).item<double>(), -20 * std::log10(0.2), 1e-9);
  EXPECT_NEAR(l1_error(a, b).item<double>(), 0.4, 1e-9);
  EXPECT_NEAR(l2_error(a, b).item<double>(), 0.16, 1e-9);
}

TEST(PixelErrors, RoundToBytesAndClampFirst) {
  const auto a = torch::tensor({-1.f, 0.3f, 1.f}).view({1, 3, 1, 1});
  const auto b = torch::tensor({-3.f, 0.3f + 0.1f / 127.5f, 1.7f}).view({1, 3, 1, 1});
  EXPECT_EQ(psnr(a, b).item<double>(), kHighestPsnr);
  EXPECT_EQ(l1_error(a, b).item<double>(), 0);
}

TEST(Psnr, OfKnownNoise) {
  torch::manual_seed(1);
  const auto clean = torch::zeros({1, 3, 200, 200});
  constexpr double kSigma =
      0.1;  // on [0, 1]; 0.2 on [-1, 1]; rounding adds 1/12 of a squared byte step
  const auto noisy = clean + 2 * kSigma * torch::randn_like(clean);
  const double expected = -10 * std::log10(kSigma * kSigma + 1.0 / (12 * 255.0 * 255.0));
  // The mean square of n normal numbers varies by sqrt(2 / n): 0.4%, 0.018 dB; four of these.
  EXPECT_NEAR(psnr(clean, noisy).item<double>(), expected, 0.07);
}

TEST(Psnr, IsPerImage) {
  const auto a = torch::zeros({2, 3, 4, 4});
  auto b = a.clone();
  b[1] += 0.4;
  const auto values = psnr(a, b);
  EXPECT_EQ(values[0].item<double>(), kHighestPsnr);
  EXPECT_NEAR(values[1].item<double>(), -20 * std::log10(51.0 / 255), 1e-9);
}

// Straight from the paper's formulas, window by window.
double slow_ssim(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a.to(torch::kFloat64).contiguous() / 2 + 0.5,
             y = b.to(torch::kFloat64).contiguous() / 2 + 0.5;
  const auto px = x.accessor<double, 3>(), py = y.accessor<double, 3>();
  const auto height = x.size(1), width = x.size(2);
  const auto fit = [](std::int64_t side) {
    return std::min<std::int64_t>(11, side % 2 ? side : side - 1);
  };
  const auto rows = fit(height), columns = fit(width);
  double total = 0;
  std::int64_t windows = 0;
  for (int c = 0; c < 3; ++c)
    for (std::int64_t top = 0; top + rows <= height; ++top)
      for (std::int64_t left = 0; left + columns <= width; ++left) {
        double weight = 0, mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j) {
            const double di = static_cast<double>(i - rows / 2),
                         dj = static_cast<double>(j - columns / 2);
            const double w = std::exp(-(di * di + dj * dj) / (2 * 1.5 * 1.5));
            const double u = px[c][top + i][left + j], v = py[c][top + i][left + j];
            weight += w, mx += w * u, my += w * v, xx += w * u * u, yy += w * v * v,
                xy += w * u * v;
          }
        mx /= weight, my /= weight, xx /= weight, yy /= weight, xy /= weight;
        total += (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4) /
                 ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4));
        ++windows;
      }
  return total / static_cast<double>(windows);
}

TEST(Ssim, IsOneForEqualImages) {
  torch::manual_seed(2);
  const auto images = random_images(3, 16, 16);
  EXPECT_LT((ssim(images, images) - 1).abs().max().item<double>(), 1e-12);
}

TEST(Ssim, AgreesWithTheFormulaAtEverySize) {
  torch::manual_seed(3);
  for (const auto& [height, width] : {std::pair{16, 16}, {11, 13}, {8, 20}, {5, 4}, {1, 1}}) {
    const auto a = random_images(2, height, width), b = random_images(2, height, width);
    const auto mixed = ((0.7 * a + 0.3 * b + 1) * 127.5).round() / 127.5 - 1;
    const auto values = ssim(a, mixed);
    for (int i = 0; i < 2; ++i)
      // The slow form takes float32 pixels: 1e-7 of the range each.
      EXPECT_NEAR(values[i].item<double>(), slow_ssim(a[i], mixed[i]), 2e-6)
          << height << "x" << width;
  }
}

TEST(Ssim, FallsWithNoise) {
  torch::manual_seed(4);
  const auto image = random_images(1, 32, 32), noise = torch::randn_like(image);
  double last = 1;
  for (const double amount : {0.1, 0.3, 0.9}) {
    const double value = ssim(image, image + amount * noise).item<double>();
    EXPECT_LT(value, last);
    last = value;
  }
}

}  // namespace
}  // namespace tessera
