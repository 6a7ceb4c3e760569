// metrics/ measures what comes out: reconstruction errors, codebook use, and how samples compare
// with real images.
#pragma once

#include <torch/torch.h>

namespace tessera {

/// Images as a file would hold them: [-1, 1] clamped and rounded to 8 bits; still float32 in [-1,
/// 1].
torch::Tensor as_8_bit(const torch::Tensor& images);

// Each takes two batches [B, C, H, W] in [-1, 1], rounds both to 8 bits, and returns [B] float64:
// one value per image.

/// Mean absolute difference; pixels count in [-1, 1].
torch::Tensor l1_error(const torch::Tensor& a, const torch::Tensor& b);
/// Mean squared difference; pixels count in [-1, 1].
torch::Tensor l2_error(const torch::Tensor& a, const torch::Tensor& b);

/// An exact copy counts as this many dB.
constexpr double kHighestPsnr = 100;
/// Peak signal-to-noise ratio in dB over all pixels and channels of an image, peak = the range of
/// the pixels.
torch::Tensor psnr(const torch::Tensor& a, const torch::Tensor& b);

/// Structural similarity (Wang et al. 2004): Gaussian window 11 x 11, sigma 1.5, K1 = 0.01, K2 =
/// 0.03, only windows that lie inside, mean over positions and channels. A side below 11 shrinks
/// the window to the largest odd number that fits.
torch::Tensor ssim(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace tessera
