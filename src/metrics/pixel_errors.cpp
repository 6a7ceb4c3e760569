#include "metrics/pixel_errors.h"

#include "base/error.h"

namespace tessera {
namespace {

// As a file holds them, 0 to 255, exact in float64.
torch::Tensor bytes_of(const torch::Tensor& images) {
  return ((images.to(torch::kFloat64) + 1) * 127.5).round().clamp(0, 255);
}

torch::Tensor difference(const torch::Tensor& a, const torch::Tensor& b) {
  TESSERA_CHECK(a.dim() == 4 && a.sizes() == b.sizes());
  return ((bytes_of(a) - bytes_of(b)) / 255).flatten(1);  // [B, C*H*W], range 1
}

torch::Tensor gaussian_window(std::int64_t size) {  // [size], sums to 1
  constexpr double kSigma = 1.5;
  const auto x = torch::arange(size, torch::kFloat64) - static_cast<double>(size - 1) / 2;
  const auto weights = torch::exp(-x.square() / (2 * kSigma * kSigma));
  return weights / weights.sum();
}

// Weighted mean over every window inside the image, rows then columns; x is [N, 1, H, W].
torch::Tensor window_means(const torch::Tensor& x) {
  const auto size_for = [](std::int64_t side) {
    return std::min<std::int64_t>(11, side - (side % 2 == 0));
  };
  const auto rows = gaussian_window(size_for(x.size(2))),
             columns = gaussian_window(size_for(x.size(3)));
  const auto vertical = torch::conv2d(x, rows.to(x.options()).view({1, 1, -1, 1}));
  return torch::conv2d(vertical, columns.to(x.options()).view({1, 1, 1, -1}));
}

}  // namespace

torch::Tensor as_8_bit(const torch::Tensor& images) {
  return ((images.to(torch::kFloat32) + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1;
}

torch::Tensor l1_error(const torch::Tensor& a, const torch::Tensor& b) {
  return 2 * difference(a, b).abs().mean(1);
}

torch::Tensor l2_error(const torch::Tensor& a, const torch::Tensor& b) {
  return 4 * difference(a, b).square().mean(1);
}

torch::Tensor psnr(const torch::Tensor& a, const torch::Tensor& b) {
  return (-10 * difference(a, b).square().mean(1).log10()).clamp_max(kHighestPsnr);
}

torch::Tensor ssim(const torch::Tensor& a, const torch::Tensor& b) {
  TESSERA_CHECK(a.dim() == 4 && a.sizes() == b.sizes());
  constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;
  const auto planes = [](const torch::Tensor& x) {  // [B*C, 1, H, W] in [0, 1]
    return (bytes_of(x) / 255).reshape({-1, 1, x.size(2), x.size(3)});
  };
  const auto x = planes(a), y = planes(b);
  const auto all = window_means(torch::cat({x, y, x * x, y * y, x * y})).chunk(5);
  const auto mean_xx = all[0] * all[0], mean_yy = all[1] * all[1], mean_xy = all[0] * all[1];
  const auto var_x = all[2] - mean_xx, var_y = all[3] - mean_yy, covariance = all[4] - mean_xy;
  const auto similarity = (2 * mean_xy + kC1) * (2 * covariance + kC2) /
                          ((mean_xx + mean_yy + kC1) * (var_x + var_y + kC2));
  return similarity.reshape({a.size(0), -1}).mean(1);
}

}  // namespace tessera
