#pragma once

#include <cstddef>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// GroupNorm and SiLU on channels-last data, cut into blocks of `rows` pixels of one sample so that
/// the caller can thread them: y = act(scale * x + offset) per channel, where scale and offset hold
/// the statistics, weight and bias. Data is float32 or bf16, arithmetic float32. A block is [rows,
/// channels].
struct Block {
  std::size_t rows, channels;
};

/// Per channel: mean over the block's rows, and sum of squared deviations from it.
void channel_moments(Block block, const float* x, float* mean, float* squares);
void channel_moments(Block block, const Bf16* x, float* mean, float* squares);

/// Mean and 1/sqrt(variance + epsilon) of each group of one sample, from the moments of its blocks:
/// block_rows is [blocks], mean and squares are [blocks, channels] (Chan, Golub and LeVeque, 1983).
void group_statistics(std::size_t blocks, const std::size_t* block_rows, std::size_t channels,
                      std::size_t groups, double epsilon, const float* mean, const float* squares,
                      float* group_mean, float* group_scale);

/// What one sample does to each channel, [channels] each: z = scale * x + offset = weight * xhat +
/// bias, xhat = inverse * (x - mean).
struct ChannelMaps {
  const float *mean, *inverse, *scale, *offset;
};

/// y = silu(z), or z itself.
void normalise(Block block, ChannelMaps maps, bool silu, const float* x, float* y);
void normalise(Block block, ChannelMaps maps, bool silu, const Bf16* x, Bf16* y);

/// Per channel, summed over the block's rows: dL/dz and dL/dz * xhat, the gradients of bias and
/// weight.
void normalise_sums(Block block, ChannelMaps maps, bool silu, const float* x, const float* dy,
                    float* bias_gradient, float* weight_gradient);
void normalise_sums(Block block, ChannelMaps maps, bool silu, const Bf16* x, const Bf16* dy,
                    float* bias_gradient, float* weight_gradient);

/// dL/dx = scale * dL/dz - shift - slope * xhat, where shift and slope [channels] carry the
/// statistics' own gradient.
void normalise_gradient(Block block, ChannelMaps maps, bool silu, const float* shift,
                        const float* slope, const float* x, const float* dy, float* dx);
void normalise_gradient(Block block, ChannelMaps maps, bool silu, const float* shift,
                        const float* slope, const Bf16* x, const Bf16* dy, Bf16* dx);

/// The specification: one sample of [rows, channels] in double precision. The gradients of weight
/// and bias are added to, so that samples accumulate.
struct GroupNormReference {
  std::size_t rows, channels, groups;
  double epsilon;
  bool silu;
  void forward(const double* x, const double* weight, const double* bias, double* y) const;
  void backward(const double* x, const double* weight, const double* bias, const double* dy,
                double* dx, double* weight_gradient, double* bias_gradient) const;
};

}  // namespace tessera::kernels
