#include "kernels/attention.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>

#include "kernels/attention_layout.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// At most a block of positions wide; divides it.
using Wide = hn::CappedTag<float, kKeyBlock>;
using Vector = hn::Vec<Wide>;

// Numbers at from ..: float32 and int8 as they lie, bf16 the even or the odd halves of pairs.
template <bool kOdd>
HWY_INLINE Vector widen(const float* from) {
  return hn::LoadU(Wide(), from);
}
template <bool kOdd>
HWY_INLINE Vector widen(const std::int8_t* from) {
  const hn::Rebind<std::int8_t, Wide> d8;
  const hn::RebindToSigned<Wide> d32;
  return hn::ConvertTo(Wide(), hn::PromoteTo(d32, hn::LoadU(d8, from)));
}
template <bool kOdd>
HWY_INLINE Vector widen(const Bf16* from) {
  const hn::RebindToUnsigned<Wide> d32;
  const auto pairs = hn::LoadU(d32, reinterpret_cast<const std::uint32_t*>(from));
  return hn::BitCast(Wide(),
                     kOdd ? hn::And(pairs, hn::Set(d32, 0xffff0000u)) : hn::ShiftLeft<16>(pairs));
}

// Channel (even) or channel + 1 (odd) of the positions lane .. of a block of keys.
template <bool kOdd, typename T>
HWY_INLINE Vector key(const T* block, std::size_t channel, std::size_t lane) {
  if constexpr (sizeof(T) == sizeof(Bf16))
    return widen<kOdd>(block + channel * kKeyBlock + 2 * lane);
  else
    return widen<kOdd>(block + (channel + kOdd) * kKeyBlock + lane);
}

// Channels channel .. of the value at position (even) or position + 1 (odd).
template <bool kOdd, typename T>
HWY_INLINE Vector value(const T* values, std::size_t row, std::size_t position,
                        std::size_t channel) {
  if constexpr (sizeof(T) == sizeof(Bf16))
    return widen<kOdd>(values + position * row + 2 * channel);
  else
    return widen<kOdd>(values + (position + kOdd) * row + channel);
}

// Asks for the memory of numbers that will be read soon: a head's values while its keys are read,
// and then the keys of the head that may follow in memory. A head is so small that it is over
// before the processor sees where it reads; only float32 ones are large enough.
template <typename T>
HWY_INLINE void fetch(const T* from, std::size_t count) {
  if constexpr (sizeof(T) < sizeof(float))
    for (std::size_t line = 0; line < count; line += 64 / sizeof(T)) hwy::Prefetch(from + line);
}

// Scores of kVectors vectors of positions from `first`, with two chains of sums each.
template <std::size_t kVectors, typename T>
HWY_INLINE void score(std::size_t head_size, const T* keys, const float* query, float scale,
                      std::size_t first, const T* soon, float* scores) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d);
  Vector even[kVectors], odd[kVectors];
  const std::size_t step = 2 * lanes;  // numbers of a vector of positions and a pair of channels
  const T* block[kVectors];
  std::size_t lane[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    const std::size_t position = first + v * lanes;
    even[v] = odd[v] = hn::Zero(d);
    block[v] = keys + position / kKeyBlock * kKeyBlock * head_size;
    lane[v] = position % kKeyBlock;
  }
  for (std::size_t channel = 0; channel < head_size; channel += 2) {
    const auto q0 = hn::Set(d, query[channel]), q1 = hn::Set(d, query[channel + 1]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      even[v] = hn::MulAdd(q0, key<false>(block[v], channel, lane[v]), even[v]);
      odd[v] = hn::MulAdd(q1, key<true>(block[v], channel, lane[v]), odd[v]);
      fetch(soon + (channel / 2 * kVectors + v) * step, step);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v)
    hn::StoreU(hn::Mul(hn::Add(even[v], odd[v]), hn::Set(d, scale)), d, scores + first + v * lanes);
}

template <typename T>
void score_all(std::size_t head_size, const T* keys, const float* query, float scale,
               std::size_t length, const T* values, std::size_t row, float* scores) {
  const std::size_t lanes = hn::Lanes(Wide());
  std::size_t first = 0;
  for (; first + 3 * lanes < length; first += 4 * lanes)
    score<4>(head_size, keys, query, scale, first, values + first * row, scores);
  for (; first < length; first += lanes)
    score<1>(head_size, keys, query, scale, first, values + first * row, scores);
}

HWY_INLINE void multiply(std::size_t count, const float* by, float* numbers) {
  const Wide d;
  for (std::size_t at = 0; at < count; at += hn::Lanes(d))
    hn::StoreU(hn::Mul(hn::LoadU(d, numbers + at), hn::LoadU(d, by + at)), d, numbers + at);
}

// scores = exp(scores - the largest); returns their sum. Past `length`, up to whole vectors, the
// scores are garbage and become zero.
HWY_INLINE float exponentiate(std::size_t length, float* scores) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d), padded = round_up(length, lanes);
  std::fill(scores + length, scores + padded, -std::numeric_limits<float>::infinity());
  auto most = hn::LoadU(d, scores);
  for (std::size_t at = lanes; at < padded; at += lanes)
    most = hn::Max(most, hn::LoadU(d, scores + at));
  most = hn::MaxOfLanes(d, most);
  auto sum = hn::Zero(d);
  for (std::size_t at = 0; at < padded; at += lanes) {
    const auto share = hn::Exp(d, hn::Sub(hn::LoadU(d, scores + at), most));
    hn::StoreU(share, d, scores + at);
    sum = hn::Add(sum, share);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// out = factor * shares . values for the kVectors vectors of channels from `channel`, of which
// `out` wants `count` numbers. Even and odd positions are summed apart.
template <std::size_t kVectors, typename T>
HWY_INLINE void mix(const AttentionLayout& layout, const T* values, const float* shares,
                    std::size_t length, float factor, std::size_t channel, std::size_t count,
                    const T* next, float* out) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d);
  Vector even[kVectors], odd[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) even[v] = odd[v] = hn::Zero(d);
  std::size_t position = 0;
  for (; position + 2 <= length; position += 2) {
    if (channel == 0) fetch(next + position * count, 2 * count);
    const auto s0 = hn::Set(d, shares[position]), s1 = hn::Set(d, shares[position + 1]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t at = channel + v * lanes;
      even[v] = hn::MulAdd(s0, value<false>(values, layout.row, position, at), even[v]);
      odd[v] = hn::MulAdd(s1, value<true>(values, layout.row, position, at), odd[v]);
    }
  }
  if (position < length)
    for (std::size_t v = 0; v < kVectors; ++v)
      even[v] =
          hn::MulAdd(hn::Set(d, shares[position]),
                     value<false>(values, layout.row, position, channel + v * lanes), even[v]);
  HWY_ALIGN float mixed[kVectors * kKeyBlock];
  for (std::size_t v = 0; v < kVectors; ++v)
    hn::Store(hn::Mul(hn::Add(even[v], odd[v]), hn::Set(d, factor)), d, mixed + v * lanes);
  std::memcpy(out + channel, mixed, std::min(count, kVectors * lanes) * sizeof(float));
}

template <typename T>
void mix_all(const AttentionLayout& layout, std::size_t head_size, const T* values,
             const float* shares, std::size_t length, float factor, const T* next, float* out) {
  const std::size_t lanes = hn::Lanes(Wide());
  std::size_t channel = 0;
  for (; channel + 3 * lanes < head_size; channel += 4 * lanes)
    mix<4>(layout, values, shares, length, factor, channel, head_size - channel, next, out);
  if (channel + lanes < head_size) {
    mix<2>(layout, values, shares, length, factor, channel, head_size - channel, next, out);
    channel += 2 * lanes;
  }
  if (channel < head_size)
    mix<1>(layout, values, shares, length, factor, channel, head_size - channel, next, out);
}

template <typename T>
void attend_to(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
               const float* query, float* scores, float* out) {
  const AttentionLayout layout = layout_of(shape);
  const auto* keys = reinterpret_cast<const T*>(cache);
  const auto* values = reinterpret_cast<const T*>(cache + layout.values);
  score_all(shape.head_size, keys, query, scale, length, values, layout.row, scores);
  if constexpr (sizeof(T) == 1)
    multiply(length, reinterpret_cast<const float*>(cache + layout.key_scales), scores);
  const float sum = exponentiate(length, scores);
  if constexpr (sizeof(T) == 1)
    multiply(length, reinterpret_cast<const float*>(cache + layout.value_scales), scores);
  mix_all(layout, shape.head_size, values, scores, length, 1 / sum,
          reinterpret_cast<const T*>(cache + layout.end), out);
}

void attend_float(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
                  const float* query, float* scores, float* out) {
  attend_to<float>(shape, cache, length, scale, query, scores, out);
}
void attend_bf16(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
                 const float* query, float* scores, float* out) {
  attend_to<Bf16>(shape, cache, length, scale, query, scores, out);
}
void attend_int8(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
                 const float* query, float* scores, float* out) {
  attend_to<std::int8_t>(shape, cache, length, scale, query, scores, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(attend_float);
HWY_EXPORT(attend_bf16);
HWY_EXPORT(attend_int8);

void attend(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
            const float* query, float* scores, float* out) {
  switch (shape.type) {
    case CacheType::float32:
      return HWY_DYNAMIC_DISPATCH(attend_float)(shape, cache, length, scale, query, scores, out);
    case CacheType::bf16:
      return HWY_DYNAMIC_DISPATCH(attend_bf16)(shape, cache, length, scale, query, scores, out);
    case CacheType::int8:
      return HWY_DYNAMIC_DISPATCH(attend_int8)(shape, cache, length, scale, query, scores, out);
  }
}

}  // namespace tessera::kernels
#endif
