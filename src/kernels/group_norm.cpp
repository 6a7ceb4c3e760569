#include "kernels/group_norm.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/group_norm.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// Deviations are taken from the block's first row, so that a large common mean costs no precision
// in one pass.
template <typename T>
void moments(Block block, const T* x, float* mean, float* squares) {
  const float rows = static_cast<float>(block.rows);
  for_each_vector(block.channels, [&](auto d, std::size_t c) HWY_ATTR {
    const auto origin = load(d, x + c);
    auto sum0 = hn::Zero(d), sum1 = sum0, square0 = sum0, square1 = sum0;
    std::size_t row = 0;
    for (; row + 2 <= block.rows; row += 2) {
      const auto a = hn::Sub(load(d, x + row * block.channels + c), origin);
      const auto b = hn::Sub(load(d, x + (row + 1) * block.channels + c), origin);
      sum0 = hn::Add(sum0, a);
      sum1 = hn::Add(sum1, b);
      square0 = hn::MulAdd(a, a, square0);
      square1 = hn::MulAdd(b, b, square1);
    }
    if (row < block.rows) {
      const auto a = hn::Sub(load(d, x + row * block.channels + c), origin);
      sum0 = hn::Add(sum0, a);
      square0 = hn::MulAdd(a, a, square0);
    }
    const auto shift = hn::Div(hn::Add(sum0, sum1), hn::Set(d, rows));
    const auto total =
        hn::NegMulAdd(hn::Mul(shift, shift), hn::Set(d, rows), hn::Add(square0, square1));
    hn::StoreU(hn::Add(origin, shift), d, mean + c);
    hn::StoreU(hn::Max(total, hn::Zero(d)), d, squares + c);
  });
}

template <bool kSilu, typename T>
void apply(Block block, ChannelMaps maps, const T* x, T* y) {
  for (std::size_t row = 0; row < block.rows; ++row, x += block.channels, y += block.channels)
    for_each_vector(block.channels, [&](auto d, std::size_t c) HWY_ATTR {
      auto z =
          hn::MulAdd(load(d, x + c), hn::LoadU(d, maps.scale + c), hn::LoadU(d, maps.offset + c));
      if constexpr (kSilu) z = hn::Mul(z, sigmoid(d, z));
      store(d, z, y + c);
    });
}

// dL/dz from dL/dy: silu'(z) = s + z s (1 - s), s = sigmoid(z).
template <bool kSilu, class D, typename T>
HWY_INLINE hn::Vec<D> activation_gradient(D d, ChannelMaps maps, std::size_t c, hn::Vec<D> x,
                                          const T* dy) {
  const auto gradient = load(d, dy + c);
  if constexpr (!kSilu) return gradient;
  const auto z = hn::MulAdd(x, hn::LoadU(d, maps.scale + c), hn::LoadU(d, maps.offset + c));
  const auto s = sigmoid(d, z);
  const auto slope = hn::MulAdd(hn::Mul(z, s), hn::Sub(hn::Set(d, 1.0f), s), s);
  return hn::Mul(gradient, slope);
}

template <bool kSilu, typename T>
void sums(Block block, ChannelMaps maps, const T* x, const T* dy, float* bias, float* weight) {
  for_each_vector(block.channels, [&](auto d, std::size_t c) HWY_ATTR {
    const auto mean = hn::LoadU(d, maps.mean + c);
    auto bias_sum = hn::Zero(d), weight_sum = bias_sum;
    for (std::size_t at = 0; at < block.rows * block.channels; at += block.channels) {
      const auto value = load(d, x + at + c);
      const auto dz = activation_gradient<kSilu>(d, maps, c, value, dy + at);
      bias_sum = hn::Add(bias_sum, dz);
      weight_sum = hn::MulAdd(dz, hn::Sub(value, mean), weight_sum);
    }
    hn::StoreU(bias_sum, d, bias + c);
    hn::StoreU(hn::Mul(weight_sum, hn::LoadU(d, maps.inverse + c)), d, weight + c);
  });
}

template <bool kSilu, typename T>
void gradient(Block block, ChannelMaps maps, const float* shift, const float* slope, const T* x,
              const T* dy, T* dx) {
  for (std::size_t row = 0; row < block.rows; ++row) {
    for_each_vector(block.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto value = load(d, x + c);
      const auto dz = activation_gradient<kSilu>(d, maps, c, value, dy);
      const auto xhat =
          hn::Mul(hn::Sub(value, hn::LoadU(d, maps.mean + c)), hn::LoadU(d, maps.inverse + c));
      const auto direct = hn::MulSub(dz, hn::LoadU(d, maps.scale + c), hn::LoadU(d, shift + c));
      store(d, hn::NegMulAdd(xhat, hn::LoadU(d, slope + c), direct), dx + c);
    });
    x += block.channels, dy += block.channels, dx += block.channels;
  }
}

// Highway's dispatch tables hold plain functions, so each data type gets its own.
void moments_float(Block block, const float* x, float* mean, float* squares) {
  moments(block, x, mean, squares);
}
void moments_bf16(Block block, const Bf16* x, float* mean, float* squares) {
  moments(block, x, mean, squares);
}
void apply_float(Block block, ChannelMaps maps, bool silu, const float* x, float* y) {
  silu ? apply<true>(block, maps, x, y) : apply<false>(block, maps, x, y);
}
void apply_bf16(Block block, ChannelMaps maps, bool silu, const Bf16* x, Bf16* y) {
  silu ? apply<true>(block, maps, x, y) : apply<false>(block, maps, x, y);
}
void sums_float(Block block, ChannelMaps maps, bool silu, const float* x, const float* dy,
                float* bias, float* weight) {
  silu ? sums<true>(block, maps, x, dy, bias, weight)
       : sums<false>(block, maps, x, dy, bias, weight);
}
void sums_bf16(Block block, ChannelMaps maps, bool silu, const Bf16* x, const Bf16* dy, float* bias,
               float* weight) {
  silu ? sums<true>(block, maps, x, dy, bias, weight)
       : sums<false>(block, maps, x, dy, bias, weight);
}
void gradient_float(Block block, ChannelMaps maps, bool silu, const float* shift,
                    const float* slope, const float* x, const float* dy, float* dx) {
  silu ? gradient<true>(block, maps, shift, slope, x, dy, dx)
       : gradient<false>(block, maps, shift, slope, x, dy, dx);
}
void gradient_bf16(Block block, ChannelMaps maps, bool silu, const float* shift, const float* slope,
                   const Bf16* x, const Bf16* dy, Bf16* dx) {
  silu ? gradient<true>(block, maps, shift, slope, x, dy, dx)
       : gradient<false>(block, maps, shift, slope, x, dy, dx);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(moments_float);
HWY_EXPORT(moments_bf16);
HWY_EXPORT(apply_float);
HWY_EXPORT(apply_bf16);
HWY_EXPORT(sums_float);
HWY_EXPORT(sums_bf16);
HWY_EXPORT(gradient_float);
HWY_EXPORT(gradient_bf16);

void channel_moments(Block block, const float* x, float* mean, float* squares) {
  HWY_DYNAMIC_DISPATCH(moments_float)(block, x, mean, squares);
}
void channel_moments(Block block, const Bf16* x, float* mean, float* squares) {
  HWY_DYNAMIC_DISPATCH(moments_bf16)(block, x, mean, squares);
}
void normalise(Block block, ChannelMaps maps, bool silu, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(apply_float)(block, maps, silu, x, y);
}
void normalise(Block block, ChannelMaps maps, bool silu, const Bf16* x, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(apply_bf16)(block, maps, silu, x, y);
}
void normalise_sums(Block block, ChannelMaps maps, bool silu, const float* x, const float* dy,
                    float* bias_gradient, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(sums_float)(block, maps, silu, x, dy, bias_gradient, weight_gradient);
}
void normalise_sums(Block block, ChannelMaps maps, bool silu, const Bf16* x, const Bf16* dy,
                    float* bias_gradient, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(sums_bf16)(block, maps, silu, x, dy, bias_gradient, weight_gradient);
}
void normalise_gradient(Block block, ChannelMaps maps, bool silu, const float* shift,
                        const float* slope, const float* x, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(gradient_float)(block, maps, silu, shift, slope, x, dy, dx);
}
void normalise_gradient(Block block, ChannelMaps maps, bool silu, const float* shift,
                        const float* slope, const Bf16* x, const Bf16* dy, Bf16* dx) {
  HWY_DYNAMIC_DISPATCH(gradient_bf16)(block, maps, silu, shift, slope, x, dy, dx);
}

void group_statistics(std::size_t blocks, const std::size_t* block_rows, std::size_t channels,
                      std::size_t groups, double epsilon, const float* mean, const float* squares,
                      float* group_mean, float* group_scale) {
  const std::size_t width = channels / groups;
  for (std::size_t group = 0; group < groups; ++group) {
    double count = 0, centre = 0, spread = 0;
    for (std::size_t block = 0; block < blocks; ++block)
      for (std::size_t c = group * width; c < (group + 1) * width; ++c) {
        const double added = static_cast<double>(block_rows[block]);
        const double apart = mean[block * channels + c] - centre;
        spread += squares[block * channels + c] + apart * apart * count * added / (count + added);
        centre += apart * added / (count + added);
        count += added;
      }
    group_mean[group] = static_cast<float>(centre);
    group_scale[group] = static_cast<float>(1 / std::sqrt(spread / count + epsilon));
  }
}

}  // namespace tessera::kernels
#endif
