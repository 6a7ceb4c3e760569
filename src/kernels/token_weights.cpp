#include "kernels/token_weights.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/token_weights.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

void range(std::size_t count, const float* logits, LogitRange* found) {
  const hn::ScalableTag<float> wide;
  const float infinity = std::numeric_limits<float>::infinity();
  auto low = hn::Set(wide, infinity), high = hn::Neg(low), faults = hn::Zero(wide);
  LogitRange rest = {infinity, -infinity};
  bool nan = false;
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    if constexpr (std::is_same_v<decltype(d), hn::ScalableTag<float>>) {
      const auto logit = hn::LoadU(d, logits + at);
      low = hn::Min(low, logit);
      high = hn::Max(high, logit);
      faults = hn::Or(faults, hn::VecFromMask(d, hn::IsNaN(logit)));
    } else {
      rest = {std::min(rest.lowest, logits[at]), std::max(rest.highest, logits[at])};
      nan = nan || logits[at] != logits[at];
    }
  });
  const hn::RebindToUnsigned<decltype(wide)> bits;
  nan = nan || !hn::AllTrue(bits, hn::Eq(hn::BitCast(bits, faults), hn::Zero(bits)));
  *found = {std::min(rest.lowest, hn::GetLane(hn::MinOfLanes(wide, low))),
            std::max(rest.highest, hn::GetLane(hn::MaxOfLanes(wide, high)))};
  if (nan) found->lowest = found->highest = std::numeric_limits<float>::quiet_NaN();
}

// 2^30 * 2^octaves, rounded, for octaves from 0 down to -40. Products and sums are rounded apart
// (the compiler is told not to fuse them, src/CMakeLists.txt), since not every instruction set can
// do otherwise.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> weight_of(D d, hn::Vec<D> octaves) {
  const hn::RebindToSigned<D> d32;
  // Adding 1.5 * 2^23 leaves the nearest whole number in the lowest bits.
  const auto whole = hn::Add(octaves, hn::Set(d, 0x1.8p23f));
  const auto part = hn::Sub(octaves, hn::Sub(whole, hn::Set(d, 0x1.8p23f)));  // within +-1/2
  // Taylor's series of 2^part, ln(2)^n / n!; the first term left out is below 2^-22.
  auto power = hn::Set(d, 1.5403530e-4f);
  for (const float term :
       {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f})
    power = hn::Add(hn::Mul(power, part), hn::Set(d, term));
  const auto exponent = hn::Add(hn::ShiftLeft<23>(hn::BitCast(d32, whole)), hn::Set(d32, 30 << 23));
  const auto weight = hn::BitCast(d, hn::Add(hn::BitCast(d32, power), exponent));
  return hn::ConvertTo(d32, hn::Add(weight, hn::Set(d, 0.5f)));
}

std::uint64_t sum_of(std::size_t count, const std::uint32_t* numbers) {
  const hn::ScalableTag<std::uint64_t> d;
  const hn::Rebind<std::uint32_t, decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d);
  auto sums = hn::Zero(d);
  std::size_t first = 0;
  for (; first + lanes <= count; first += lanes)
    sums = hn::Add(sums, hn::PromoteTo(d, hn::LoadU(d32, numbers + first)));
  std::uint64_t sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; first < count; ++first) sum += numbers[first];
  return sum;
}

std::uint64_t weigh(std::size_t count, const float* logits, float highest, float octaves_per_logit,
                    std::uint32_t* weights) {
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> d32;
    const auto below = hn::Sub(hn::LoadU(d, logits + at), hn::Set(d, highest));
    const auto octaves = hn::Mul(below, hn::Set(d, octaves_per_logit));
    const auto weight = weight_of(d, hn::Max(octaves, hn::Set(d, -40.0f)));
    hn::StoreU(hn::BitCast(d32, weight), d32, weights + at);
  });
  return sum_of(count, weights);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(range);
HWY_EXPORT(weigh);

LogitRange range_of(std::size_t count, const float* logits) {
  LogitRange found;
  HWY_DYNAMIC_DISPATCH(range)(count, logits, &found);
  return found;
}
std::uint64_t token_weights(std::size_t count, const float* logits, float highest,
                            float octaves_per_logit, std::uint32_t* weights) {
  return HWY_DYNAMIC_DISPATCH(weigh)(count, logits, highest, octaves_per_logit, weights);
}

}  // namespace tessera::kernels
#endif
