#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/attention_layout.h"

namespace tessera::kernels {
namespace {

// Any kind of number at `index` of what lies at `to`.
template <typename T>
void put(std::byte* to, std::size_t index, T number) {
  std::memcpy(to + index * sizeof(T), &number, sizeof(T));
}

// Calls put_key(index, channel) and put_value(index, channel) for where `position` is held, in
// pairs of kPair channels or positions; the channels of a value beyond head_size are the zeros that
// fill its row.
template <std::size_t kPair, typename PutKey, typename PutValue>
void for_each_place(const HeadCache& shape, std::size_t row, std::size_t position,
                    const PutKey& put_key, const PutValue& put_value) {
  const std::size_t block = position / kKeyBlock * kKeyBlock * shape.head_size;
  for (std::size_t channel = 0; channel < shape.head_size; ++channel)
    put_key(block + (channel / kPair * kKeyBlock + position % kKeyBlock) * kPair + channel % kPair,
            channel);
  for (std::size_t channel = 0; channel < row; ++channel)
    put_value((position / kPair * row + channel) * kPair + position % kPair, channel);
}

// Copies of the shape, which stores of bytes might change for all that the compiler knows.
template <typename T>
void append(HeadCache shape, AttentionLayout layout, std::size_t position, const float* key,
            const float* value, std::byte* cache) {
  for_each_place<sizeof(T) == sizeof(Bf16) ? 2 : 1>(
      shape, layout.row, position,
      [&](std::size_t at, std::size_t channel) { put(cache, at, from_float<T>(key[channel])); },
      [&](std::size_t at, std::size_t channel) {
        put(cache + layout.values, at,
            from_float<T>(channel < shape.head_size ? value[channel] : 0));
      });
}

// The scale with which the largest of `numbers` becomes 127 or -127; zero for numbers so small that
// its inverse would overflow. Without their signs, float32 numbers are ordered as their bits are,
// and the largest of whole numbers the compiler finds with vectors.
float scale_of(std::size_t count, const float* numbers) {
  std::int32_t largest = 0;
  for (std::size_t at = 0; at < count; ++at)
    largest = std::max(largest, std::bit_cast<std::int32_t>(numbers[at]) & 0x7fffffff);
  const auto size = std::bit_cast<float>(largest);
  return size > 0x1p-100f ? size / 127 : 0;
}

// The nearest integer, ties to even, of a number between -127 and 127: adding 1.5 * 2^23 leaves it
// in the lowest bits, and takes no call as std::lrint does.
std::int8_t round(float number) {
  return static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(number + 0x1.8p23f));
}

void append_int8(HeadCache shape, AttentionLayout layout, std::size_t position, const float* key,
                 const float* value, std::byte* cache) {
  const float key_scale = scale_of(shape.head_size, key);
  const float value_scale = scale_of(shape.head_size, value);
  const float key_inverse = key_scale > 0 ? 1 / key_scale : 0;
  const float value_inverse = value_scale > 0 ? 1 / value_scale : 0;
  put(cache + layout.key_scales, position, key_scale);
  put(cache + layout.value_scales, position, value_scale);
  for_each_place<1>(
      shape, layout.row, position,
      [&](std::size_t at, std::size_t channel) {
        put(cache, at, round(key[channel] * key_inverse));
      },
      [&](std::size_t at, std::size_t channel) {
        put(cache + layout.values, at,
            round(channel < shape.head_size ? value[channel] * value_inverse : 0));
      });
}

}  // namespace

std::size_t HeadCache::bytes() const { return layout_of(*this).end; }

void append_to_cache(const HeadCache& shape, std::size_t position, const float* key,
                     const float* value, std::byte* cache) {
  const AttentionLayout layout = layout_of(shape);
  switch (shape.type) {
    case CacheType::float32:
      return append<float>(shape, layout, position, key, value, cache);
    case CacheType::bf16:
      return append<Bf16>(shape, layout, position, key, value, cache);
    case CacheType::int8:
      return append_int8(shape, layout, position, key, value, cache);
  }
}

}  // namespace tessera::kernels
