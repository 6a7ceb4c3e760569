// Loads and stores of float32 and bf16 memory as float32 vectors. Included once per instruction set
// by each kernel file (Highway's foreach_target), hence no ordinary include guard.
#if defined(TESSERA_KERNELS_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_VECTORS_INL_H_
#undef TESSERA_KERNELS_VECTORS_INL_H_
#else
#define TESSERA_KERNELS_VECTORS_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/bf16.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Bf16* from) {
  const hn::Rebind<std::uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto half = hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, half)));
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, float* to) {
  hn::StoreU(value, d, to);
}

// The bits of a bf16, in the lower half of each lane. Ties to even; a NaN must not be carried over
// into an infinity by the rounding.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded_to_bf16(D, hn::Vec<D> value) {
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::BitCast(d32, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(d32, 0x7fff)), odd);
  const auto quiet = hn::Or(bits, hn::Set(d32, 0x400000));
  const auto kept = hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(value)), quiet, rounded);
  return hn::ShiftRight<16>(kept);
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, Bf16* to) {
  const hn::Rebind<std::uint16_t, D> d16;
  const hn::RebindToSigned<D> d32;
  const auto upper = hn::BitCast(d32, rounded_to_bf16(d, value));
  hn::StoreU(hn::DemoteTo(d16, upper), d16, reinterpret_cast<std::uint16_t*>(to));
}

template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
}

// Calls body(d, first) over [0, count): full vectors, then single lanes for the rest.
template <class Body>
HWY_INLINE void for_each_vector(std::size_t count, const Body& body) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> single;
  const std::size_t lanes = hn::Lanes(wide);
  std::size_t first = 0;
  for (; first + lanes <= count; first += lanes) body(wide, first);
  for (; first < count; ++first) body(single, first);
}

// The sum of body(d, first) over [0, count), in float32 and in two chains per lane.
template <class Body>
HWY_INLINE float sum_over(std::size_t count, const Body& body) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> single;
  const std::size_t lanes = hn::Lanes(wide);
  auto even = hn::Zero(wide), odd = even;
  std::size_t first = 0;
  for (; first + 2 * lanes <= count; first += 2 * lanes) {
    even = hn::Add(even, body(wide, first));
    odd = hn::Add(odd, body(wide, first + lanes));
  }
  if (first + lanes <= count) even = hn::Add(even, body(wide, first)), first += lanes;
  float sum = hn::GetLane(hn::SumOfLanes(wide, hn::Add(even, odd)));
  for (; first < count; ++first) sum += hn::GetLane(body(single, first));
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#endif
