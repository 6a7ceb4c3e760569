// Intrinsics, since Highway has no dot products of BF16 and VNNI. Compiled with flags of its own,
// hence no templates of the standard library, and everything but the entry has internal linkage: a
// function built for AVX-512 must never be the copy that the linker keeps for all.
#include "kernels/matmul_avx512bf16.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include <immintrin.h>

namespace tessera::kernels {
namespace {

#define TESSERA_INLINE __attribute__((always_inline)) inline

constexpr int kVectors = 4;  // of 16 outputs in a panel

TESSERA_INLINE __m512i pair(const std::byte* x) {
  return _mm512_set1_epi32(*reinterpret_cast<const int __attribute__((may_alias, aligned(1)))*>(x));
}
TESSERA_INLINE float scale_of(const std::byte* x) {
  return *reinterpret_cast<const float __attribute__((may_alias, aligned(1)))*>(x);
}

template <int kRows>
TESSERA_INLINE void store_sums(const PanelProduct& p, std::size_t row,
                               const __m512 (&sums)[kRows][kVectors]) {
  for (int v = 0; v < kVectors; ++v) {
    const std::size_t first = 16 * static_cast<std::size_t>(v);
    const std::size_t left = p.columns > first ? p.columns - first : 0;
    const auto mask = static_cast<__mmask16>(left >= 16 ? 0xffffu : (1u << left) - 1);
    for (int r = 0; r < kRows; ++r)
      _mm512_mask_storeu_ps(p.out + (row + static_cast<std::size_t>(r)) * p.stride + first, mask,
                            sums[r][v]);
  }
}

struct Bf16Tile {
  template <int kRows>
  static TESSERA_INLINE void multiply(const PanelProduct& p, std::size_t row) {
    const std::byte* x = p.prepared + row * p.row_bytes;
    const std::byte* weights = p.weights;
    __m512 sums[kRows][kVectors];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
    for (std::size_t step = 0; step < p.steps; ++step, x += 4, weights += 4 * kPanel) {
      __m512i weight[kVectors];
      for (int v = 0; v < kVectors; ++v) weight[v] = _mm512_load_si512(weights + 64 * v);
      for (int r = 0; r < kRows; ++r) {
        const __m512i values = pair(x + static_cast<std::size_t>(r) * p.row_bytes);
        for (int v = 0; v < kVectors; ++v)
          sums[r][v] = _mm512_dpbf16_ps(sums[r][v], (__m512bh)weight[v], (__m512bh)values);
      }
    }
    store_sums<kRows>(p, row, sums);
  }
};

template <std::size_t kGroup, bool kNibbles>
struct IntegerTile {
  template <int kRows>
  static TESSERA_INLINE void multiply(const PanelProduct& p, std::size_t row) {
    constexpr std::size_t kBytes = (kNibbles ? kGroup / 2 : kGroup) * kPanel;
    const __m512i low = _mm512_set1_epi8(15);
    const std::byte* x = p.prepared + row * p.row_bytes;
    const std::byte* weights = p.weights;
    __m512 sums[kRows][kVectors];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
    for (std::size_t group = 0; group < p.steps; ++group) {
      __m512i dots[kRows][kVectors];
      for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v)
          dots[r][v] = pair(x + static_cast<std::size_t>(r) * p.row_bytes + 4);
      const std::byte* values = x + kGroupHead;
      for (std::size_t at = 0; at < kBytes; at += 4 * kPanel) {
        __m512i weight[kVectors];
        for (int v = 0; v < kVectors; ++v) weight[v] = _mm512_load_si512(weights + at + 64 * v);
        if (kNibbles) {
          __m512i part[kVectors];
          for (int v = 0; v < kVectors; ++v) part[v] = _mm512_and_si512(weight[v], low);
          add<kRows>(values, p.row_bytes, part, dots);
          for (int v = 0; v < kVectors; ++v)
            part[v] = _mm512_and_si512(_mm512_srli_epi32(weight[v], 4), low);
          add<kRows>(values + 4, p.row_bytes, part, dots);
          values += 8;
        } else {
          add<kRows>(values, p.row_bytes, weight, dots);
          values += 4;
        }
      }
      weights += kBytes;
      for (int v = 0; v < kVectors; ++v) {
        const __m512i half = _mm512_cvtepu16_epi32(
            _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + 32 * v)));
        const __m512 scale = _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
        for (int r = 0; r < kRows; ++r) {
          const __m512 both = _mm512_mul_ps(
              scale, _mm512_set1_ps(scale_of(x + static_cast<std::size_t>(r) * p.row_bytes)));
          sums[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][v]), both, sums[r][v]);
        }
      }
      weights += kPanel * 2;
      x += kGroupHead + kGroup;
    }
    store_sums<kRows>(p, row, sums);
  }

  template <int kRows>
  static TESSERA_INLINE void add(const std::byte* values, std::size_t row_bytes,
                                 const __m512i (&weight)[kVectors],
                                 __m512i (&dots)[kRows][kVectors]) {
    for (int r = 0; r < kRows; ++r) {
      const __m512i value = pair(values + static_cast<std::size_t>(r) * row_bytes);
      for (int v = 0; v < kVectors; ++v)
        dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], weight[v], value);
    }
  }
};

// Tiles of nearly equal size: 8 rows are 4 and 4, not 6 and 2.
template <class Tile>
void multiply_tiles(const PanelProduct& p) {
  const std::size_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t row = tile * p.rows / tiles, end = (tile + 1) * p.rows / tiles;
    switch (end - row) {
      case 1:
        Tile::template multiply<1>(p, row);
        break;
      case 2:
        Tile::template multiply<2>(p, row);
        break;
      case 3:
        Tile::template multiply<3>(p, row);
        break;
      case 4:
        Tile::template multiply<4>(p, row);
        break;
      case 5:
        Tile::template multiply<5>(p, row);
        break;
      default:
        Tile::template multiply<6>(p, row);
    }
  }
}

}  // namespace

void multiply_avx512bf16(WeightType type, const PanelProduct& product) {
  switch (type) {
    case WeightType::float32:
      return;  // has no dot products; Highway's kernel does it
    case WeightType::bf16:
      return multiply_tiles<Bf16Tile>(product);
    case WeightType::int8:
      return multiply_tiles<IntegerTile<kInt8Group, false>>(product);
    case WeightType::int4:
      return multiply_tiles<IntegerTile<kInt4Group, true>>(product);
  }
}

}  // namespace tessera::kernels
#else
namespace tessera::kernels {
void multiply_avx512bf16(WeightType, const PanelProduct&) {}  // never called: instruction_set.h
}  // namespace tessera::kernels
#endif
