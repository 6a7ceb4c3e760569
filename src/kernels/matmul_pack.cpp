#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/matmul.h"
#include "kernels/matmul_layout.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul_pack.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// A lane is an output, as in the packed panel, so that no lane asks another and every instruction
// set packs the same bytes. That also needs products and sums that are not fused: see
// cmake/instruction_sets.cmake.
using DF = hn::CappedTag<float, kPanel>;
using DU = hn::RebindToUnsigned<DF>;
using DI = hn::RebindToSigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;
constexpr std::size_t kLanes = hn::MaxLanes(DF());

// Inputs of all outputs of a panel, [inputs][64].
using Inputs = const float (*)[kPanel];
constexpr std::size_t kMostInputs = 64;

// Below, a group's largest weight counts as zero: its scale would have no inverse.
constexpr float kSmallest = 0x1p-100f;

HWY_INLINE VF weights_at(Inputs inputs, std::size_t k, std::size_t n) {
  return hn::Load(DF(), inputs[k] + n);
}

// To the nearest integer, ties to even, for sizes below 2^22: the last bit of the sum is worth one.
HWY_INLINE VF nearest(VF value) {
  const VF ones = hn::Set(DF(), 0x1.8p23f);
  return hn::Sub(hn::Add(value, ones), ones);
}

HWY_INLINE VF inverse(VF scale) {
  const DF d;
  const auto zero = hn::Eq(scale, hn::Zero(d));
  return hn::IfThenZeroElse(zero, hn::Div(hn::Set(d, 1.0f), scale));
}

HWY_INLINE void store_words(VU words, std::byte* to) {
  hn::Store(words, DU(), reinterpret_cast<std::uint32_t*>(to));
}

void pack_bf16(Inputs inputs, std::byte* to) {
  const DF d;
  for (std::size_t n = 0; n < kPanel; n += kLanes) {
    const VU even = rounded_to_bf16(d, weights_at(inputs, 0, n));
    const VU odd = rounded_to_bf16(d, weights_at(inputs, 1, n));
    store_words(hn::Or(even, hn::ShiftLeft<16>(odd)), to + n * 4);
  }
}

// The largest weight becomes 127: the scale is rounded up.
HWY_INLINE VF int8_scale(Inputs inputs, std::size_t n) {
  const DF d;
  const DU du;
  VF largest = hn::Zero(d);
  for (std::size_t k = 0; k < kInt8Group; ++k)
    largest = hn::Max(largest, hn::Abs(weights_at(inputs, k, n)));
  const VU bits = hn::BitCast(du, hn::Div(largest, hn::Set(d, 127.0f)));
  const VU up = hn::And(hn::Add(bits, hn::Set(du, 0xffffu)), hn::Set(du, 0xffff0000u));
  return hn::IfThenZeroElse(hn::Lt(largest, hn::Set(d, kSmallest)), hn::BitCast(d, up));
}

void pack_int8(Inputs inputs, std::byte* to) {
  const DF d;
  const DI di;
  const DU du;
  auto* scales = reinterpret_cast<Bf16*>(to + kInt8Group * kPanel);
  for (std::size_t n = 0; n < kPanel; n += kLanes) {
    const VF scale = int8_scale(inputs, n), inverses = inverse(scale);
    store(d, scale, scales + n);
    const auto byte = [&](std::size_t k) HWY_ATTR {
      const VF value = nearest(hn::Mul(weights_at(inputs, k, n), inverses));
      return hn::BitCast(du, hn::Add(hn::ConvertTo(di, value), hn::Set(di, kInt8Offset)));
    };
    for (std::size_t k = 0; k < kInt8Group; k += 4) {
      const VU low = hn::Or(byte(k), hn::ShiftLeft<8>(byte(k + 1)));
      const VU high = hn::Or(byte(k + 2), hn::ShiftLeft<8>(byte(k + 3)));
      store_words(hn::Or(low, hn::ShiftLeft<16>(high)), to + k * kPanel + n * 4);
    }
  }
}

HWY_INLINE VF int4_value(VF scaled) {
  const DF d;
  return hn::Min(hn::Max(nearest(scaled), hn::Set(d, -8.0f)), hn::Set(d, 7.0f));
}

// Tries to divide each group's largest weight among different numbers of steps, and keeps the scale
// with the least squared error. The largest goes to the side of -8, hence the signs.
HWY_INLINE VF int4_scale(Inputs inputs, std::size_t n) {
  const DF d;
  VF extreme = hn::Zero(d);
  for (std::size_t k = 0; k < kInt4Group; ++k) {
    const VF weight = weights_at(inputs, k, n);
    extreme = hn::IfThenElse(hn::Gt(hn::Abs(weight), hn::Abs(extreme)), weight, extreme);
  }
  const auto zero = hn::Lt(hn::Abs(extreme), hn::Set(d, kSmallest));
  extreme = hn::IfThenZeroElse(zero, extreme);
  VF best = hn::Zero(d), least = hn::Set(d, INFINITY);
  for (const float steps : {-6.5f, -7.0f, -7.25f, -7.5f, -7.75f, -8.0f, -8.5f, -9.0f, -10.0f}) {
    const VU rounded = rounded_to_bf16(d, hn::Div(extreme, hn::Set(d, steps)));
    const VF scale = hn::BitCast(d, hn::ShiftLeft<16>(rounded)), inverses = inverse(scale);
    VF squares = hn::Zero(d);
    for (std::size_t k = 0; k < kInt4Group; ++k) {
      const VF scaled = hn::Mul(weights_at(inputs, k, n), inverses);
      const VF off = hn::Sub(scaled, int4_value(scaled));
      squares = hn::Add(squares, hn::Mul(off, off));
    }
    const VF error = hn::Mul(squares, hn::Mul(scale, scale));
    const auto better = hn::Lt(error, least);
    least = hn::IfThenElse(better, error, least);
    best = hn::IfThenElse(better, scale, best);
  }
  return best;
}

void pack_int4(Inputs inputs, std::byte* to) {
  const DF d;
  const DI di;
  const DU du;
  auto* scales = reinterpret_cast<Bf16*>(to + kInt4Group / 2 * kPanel);
  for (std::size_t n = 0; n < kPanel; n += kLanes) {
    const VF scale = int4_scale(inputs, n), inverses = inverse(scale);
    store(d, scale, scales + n);
    const auto nibble = [&](std::size_t k) HWY_ATTR {
      const VF value = int4_value(hn::Mul(weights_at(inputs, k, n), inverses));
      return hn::BitCast(du, hn::Add(hn::ConvertTo(di, value), hn::Set(di, kInt4Offset)));
    };
    const auto byte = [&](std::size_t k)
                          HWY_ATTR { return hn::Or(nibble(k), hn::ShiftLeft<4>(nibble(k + 4))); };
    for (std::size_t k = 0; k < kInt4Group; k += 8) {
      const VU low = hn::Or(byte(k), hn::ShiftLeft<8>(byte(k + 1)));
      const VU high = hn::Or(byte(k + 2), hn::ShiftLeft<8>(byte(k + 3)));
      store_words(hn::Or(low, hn::ShiftLeft<16>(high)), to + k / 2 * kPanel + n * 4);
    }
  }
}

void pack_step(WeightType type, Inputs inputs, std::byte* to) {
  switch (type) {
    case WeightType::float32:
      std::memcpy(to, inputs[0], sizeof(inputs[0]));
      return;
    case WeightType::bf16:
      return pack_bf16(inputs, to);
    case WeightType::int8:
      return pack_int8(inputs, to);
    case WeightType::int4:
      return pack_int4(inputs, to);
  }
}

void pack(const PackedMatrix& shape, std::size_t outputs, const float* weights, std::byte* to) {
  const std::size_t group = step_inputs(shape.type), bytes = step_bytes(shape.type);
  HWY_ALIGN float inputs[kMostInputs][kPanel] = {};
  for (std::size_t first = 0; first < shape.inputs; first += kMostInputs) {
    const std::size_t count = std::min(kMostInputs, shape.inputs - first);
    for (std::size_t n = 0; n < outputs; ++n)
      for (std::size_t k = 0; k < count; ++k) inputs[k][n] = weights[n * shape.inputs + first + k];
    std::fill(inputs[count], inputs[kMostInputs], 0.0f);
    for (std::size_t k = 0; k < count; k += group, to += bytes)
      pack_step(shape.type, inputs + k, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(pack);

void pack_panel(const PackedMatrix& shape, std::size_t panel, const float* weights,
                std::byte* packed) {
  const std::size_t first = panel * kPanel;
  HWY_DYNAMIC_DISPATCH(pack)
  (shape, std::min(kPanel, shape.outputs - first), weights + first * shape.inputs,
   packed + panel * panel_bytes(shape.type, shape.inputs));
}

}  // namespace tessera::kernels
#endif
