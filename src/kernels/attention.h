#pragma once

#include <cstddef>

namespace tessera::kernels {

/// How keys and values are held; int8 with one scale for each key and for each value.
enum class CacheType { float32, bf16, int8 };

/// Keys and values of one head of one sequence in one layer, for up to `positions` positions. Their
/// memory starts at a multiple of 64 and need not be cleared; attention_layout.h says what is
/// where.
struct HeadCache {
  CacheType type;
  std::size_t positions, head_size;  // head_size is even
  std::size_t bytes() const;         // a multiple of 64
};

/// Puts a key and a value [head_size] at `position`; positions may come in any order.
void append_to_cache(const HeadCache& shape, std::size_t position, const float* key,
                     const float* value, std::byte* cache);

/// out = softmax(scale * query . keys) values over the first `length` positions (at least one), in
/// float32; `query` and `out` have head_size numbers, `scores` has room for `positions` rounded up
/// to 16. What the cache holds at later positions does not matter.
void attend(const HeadCache& shape, const std::byte* cache, std::size_t length, float scale,
            const float* query, float* scores, float* out);

}  // namespace tessera::kernels
