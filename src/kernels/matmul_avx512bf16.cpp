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

TESSERA_INLINE __m512i broadcast(const std::byte* four_bytes) {
  int value;
  __builtin_memcpy(&value, four_bytes, sizeof(value));
  return _mm512_set1_epi32(value);
}

TESSERA_INLINE __m512 load_bf16(const std::byte* from) {
  const __m256i half = _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// Only the outputs that exist.
template <int kRows>
TESSERA_INLINE void store_sums(const PanelProduct& p, std::size_t row,
                               const __m512 (&sums)[kRows][kVectors]) {
  for (int v = 0; v < kVectors; ++v) {
    const int at = 16 * v, left = static_cast<int>(p.columns) - at;
    const auto mask =
        static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << (left > 0 ? left : 0)) - 1);
    for (int r = 0; r < kRows; ++r)
      _mm512_mask_storeu_ps(p.out + (row + r) * p.stride + at, mask, sums[r][v]);
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
        const __m512i values = broadcast(x + r * p.row_bytes);
        for (int v = 0; v < kVectors; ++v)
          sums[r][v] = _mm512_dpbf16_ps(sums[r][v], (__m512bh)weight[v], (__m512bh)values);
      }
    }
    store_sums(p, row, sums);
  }
};

// Sums as integers inside a group, and as float32 from group to group.
template <std::size_t kGroup, bool kNibbles>
struct IntegerTile {
  static constexpr std::size_t kBytes = (kNibbles ? kGroup / 2 : kGroup) * kPanel;
  static constexpr std::size_t kStep = kBytes + kPanel * 2;  // with the scales

  // Three rows' sums of both kinds fit the registers, or six rows' of half a panel: the latter is
  // faster, but reads memory out of order. So the first tile, which brings the panel into the
  // cache, takes its rows by turns, and the others take the panel by halves.
  template <int kRows>
  static TESSERA_INLINE void multiply(const PanelProduct& p, std::size_t row) {
    constexpr int kFirst = kRows > 3 ? (kRows + 1) / 2 : kRows;
    constexpr std::size_t kTurn = 16 * 1024 / kStep;  // of a first-level cache
    __m512 sums[kRows][kVectors] = {};
    if constexpr (kRows == kFirst) {
      add_groups<kRows, kVectors>(p, row, 0, {0, p.steps}, sums);
    } else if (row == 0) {
      for (std::size_t begin = 0; begin < p.steps; begin += kTurn) {
        const std::size_t end = begin + kTurn < p.steps ? begin + kTurn : p.steps;
        add_groups<kFirst, kVectors>(p, row, 0, {begin, end}, sums);
        add_groups<kRows - kFirst, kVectors>(p, row + kFirst, 0, {begin, end}, sums + kFirst);
      }
    } else {
      for (int first = 0; first < kVectors; first += kVectors / 2)
        add_groups<kRows, kVectors / 2>(p, row, first, {0, p.steps}, sums);
    }
    store_sums(p, row, sums);
  }

  struct Range {
    std::size_t begin, end;
  };

  // For kPart vectors of outputs from `first` on.
  template <int kRows, int kPart>
  static TESSERA_INLINE void add_groups(const PanelProduct& p, std::size_t row, int first,
                                        Range groups, __m512 (*to)[kVectors]) {
    const std::byte* x = p.prepared + row * p.row_bytes + groups.begin * (kGroupHead + kGroup);
    const std::byte* weights = p.weights + groups.begin * kStep;
    __m512 sums[kRows][kPart];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kPart; ++v) sums[r][v] = to[r][first + v];
    for (std::size_t group = groups.begin; group < groups.end; ++group) {
      __m512i dots[kRows][kPart];
      for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kPart; ++v) dots[r][v] = broadcast(x + r * p.row_bytes + 4);
      const std::byte* values = x + kGroupHead;
      for (std::size_t at = 0; at < kBytes; at += 4 * kPanel)
        values = add_products(weights + 64 * first + at, values, p.row_bytes, dots);
      for (int v = 0; v < kPart; ++v) {
        const __m512 scale = load_bf16(weights + kBytes + 32 * (first + v));
        for (int r = 0; r < kRows; ++r) {
          const __m512 of_row = _mm512_castsi512_ps(broadcast(x + r * p.row_bytes));
          sums[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][v]), _mm512_mul_ps(scale, of_row),
                                       sums[r][v]);
        }
      }
      weights += kStep, x += kGroupHead + kGroup;
    }
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kPart; ++v) to[r][first + v] = sums[r][v];
  }

  // Four inputs, or eight with two nibbles a byte; returns where the next ones are.
  template <int kRows, int kPart>
  static TESSERA_INLINE const std::byte* add_products(const std::byte* weights,
                                                      const std::byte* values,
                                                      std::size_t row_bytes,
                                                      __m512i (&dots)[kRows][kPart]) {
    __m512i all[kPart], part[kPart];
    for (int v = 0; v < kPart; ++v) all[v] = _mm512_load_si512(weights + 64 * v);
    if (!kNibbles) return add_quads(all, values, row_bytes, dots);
    const __m512i low = _mm512_set1_epi8(15);
    for (int v = 0; v < kPart; ++v) part[v] = _mm512_and_si512(all[v], low);
    values = add_quads(part, values, row_bytes, dots);
    for (int v = 0; v < kPart; ++v) part[v] = _mm512_and_si512(_mm512_srli_epi32(all[v], 4), low);
    return add_quads(part, values, row_bytes, dots);
  }

  template <int kRows, int kPart>
  static TESSERA_INLINE const std::byte* add_quads(const __m512i (&weights)[kPart],
                                                   const std::byte* values, std::size_t row_bytes,
                                                   __m512i (&dots)[kRows][kPart]) {
    for (int r = 0; r < kRows; ++r) {
      const __m512i value = broadcast(values + r * row_bytes);
      for (int v = 0; v < kPart; ++v)
        dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], weights[v], value);
    }
    return values + 4;
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

Arithmetic multiply_in_registers_avx512bf16(WeightType type, std::size_t rounds) {
  constexpr int kSums = 12;  // enough to hide the latency
  alignas(64) int factors[16] = {};
  // Read anew in each round, from where the compiler cannot know.
  const int* volatile source = factors;
  __m512i sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_epi32(i);
  if (type == WeightType::bf16)
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto factor = (__m512bh)_mm512_load_si512(source);
      for (__m512i& sum : sums)
        sum = _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), factor, factor));
    }
  else
    for (std::size_t round = 0; round < rounds; ++round) {
      const __m512i factor = _mm512_load_si512(source);
      for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, factor, factor);
    }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return {2.0 * static_cast<double>(rounds) * kSums * (type == WeightType::bf16 ? 32 : 64),
          static_cast<double>(_mm512_cvtsi512_si32(sums[0]))};
}

}  // namespace tessera::kernels
#else
namespace tessera::kernels {
void multiply_avx512bf16(WeightType, const PanelProduct&) {}  // never called: instruction_set.h
Arithmetic multiply_in_registers_avx512bf16(WeightType, std::size_t) { return {}; }
}  // namespace tessera::kernels
#endif
