#include "kernels/nearest_indices.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/nearest_indices.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// A lane is a code, so that the order in which a distance is summed does not depend on the number
// of lanes. Products and sums are rounded apart (cmake/instruction_sets.cmake), since not every
// instruction set can fuse them.
using DF = hn::CappedTag<float, kCodeTile>;
using VF = hn::Vec<DF>;
constexpr std::size_t kLanes = hn::MaxLanes(DF());

// Sums of kTileRows rows and kVectors vectors of codes stay in registers: 24 of 32, or 12 of 16.
constexpr std::size_t kTileRows = 6;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr std::size_t kVectors = 4;
#else
constexpr std::size_t kVectors = 2;
#endif

// Rows that are compared with the same codes before the next codes are read, and bytes of those
// codes: both stay in the first-level cache.
constexpr std::size_t kTurnRows = 16 * kTileRows, kTurnBytes = 16 * 1024;

// Replaces the best code of a row if one of these is nearer. That is rare: of n codes in random
// order, about ln n are nearer than all codes before them.
HWY_INLINE void keep_nearest(const VF (&sums)[kVectors], std::size_t first_code,
                             std::int64_t* index, float* distance) {
  const DF d;
  VF lowest = sums[0];
  for (std::size_t v = 1; v < kVectors; ++v) lowest = hn::Min(lowest, sums[v]);
  if (HWY_LIKELY(hn::AllFalse(d, hn::Lt(lowest, hn::Set(d, *distance))))) return;
  const VF best = hn::MinOfLanes(d, lowest);
  *distance = hn::GetLane(best);
  for (std::size_t v = kVectors; v-- > 0;) {  // the lowest is written last
    const auto lane = hn::FindFirstTrue(d, hn::Eq(sums[v], best));
    if (lane >= 0) *index = static_cast<std::int64_t>(first_code + v * kLanes) + lane;
  }
}

template <std::size_t kRows>
HWY_INLINE void search_tile(const PackedCodebook& codebook, std::size_t tile, const float* z,
                            std::int64_t* indices, float* distances) {
  const DF d;
  const float* values = codebook.values + tile * codebook.tile_floats();
  for (std::size_t at = 0; at < kCodeTile; at += kVectors * kLanes) {
    VF sums[kRows][kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) {
      const VF half_square = hn::LoadU(d, values + at + v * kLanes);
      for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = half_square;
    }
    const float* codes = values + kCodeTile + at;
    for (std::size_t k = 0; k < codebook.dim; ++k, codes += kCodeTile) {
      VF code[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) code[v] = hn::LoadU(d, codes + v * kLanes);
      for (std::size_t r = 0; r < kRows; ++r) {
        const VF value = hn::Set(d, z[r * codebook.dim + k]);
        for (std::size_t v = 0; v < kVectors; ++v)
          sums[r][v] = hn::Sub(sums[r][v], hn::Mul(value, code[v]));
      }
    }
#pragma GCC unroll 8  // otherwise the sums of all rows pass through memory
    for (std::size_t r = 0; r < kRows; ++r)
      keep_nearest(sums[r], tile * kCodeTile + at, indices + r, distances + r);
  }
}

template <std::size_t kRows>
void search_tiles(const PackedCodebook& codebook, std::size_t begin, std::size_t end,
                  const float* z, std::int64_t* indices, float* distances) {
  for (std::size_t tile = begin; tile < end; ++tile)
    search_tile<kRows>(codebook, tile, z, indices, distances);
}

void find_nearest(const PackedCodebook& codebook, std::size_t rows, const float* z,
                  std::int64_t* indices, float* distances) {
  const std::size_t tiles = codebook.tiles(), dim = codebook.dim;
  const std::size_t turn =
      std::max<std::size_t>(1, kTurnBytes / (codebook.tile_floats() * sizeof(float)));
  for (std::size_t first = 0; first < rows; first += kTurnRows) {
    const std::size_t last = std::min(first + kTurnRows, rows);
    for (std::size_t tile = 0; tile < tiles; tile += turn) {
      const std::size_t end = std::min(tile + turn, tiles);
      std::size_t row = first;
      for (; row + kTileRows <= last; row += kTileRows)
        search_tiles<kTileRows>(codebook, tile, end, z + row * dim, indices + row, distances + row);
      for (; row < last; ++row)
        search_tiles<1>(codebook, tile, end, z + row * dim, indices + row, distances + row);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float squared_length(std::size_t dim, const float* values) {
  float sum = 0;
  for (std::size_t k = 0; k < dim; ++k) sum += values[k] * values[k];
  return sum;
}

// If this holds for z and for a code, their distance is not NaN: a product z_k e_k is at most the
// larger of the two squares, so no product overflows, and a sum that overflows stays infinite.
bool has_finite_length(std::size_t dim, const float* values) {
  return std::isfinite(squared_length(dim, values));
}

}  // namespace

HWY_EXPORT(find_nearest);

bool pack_codes(const PackedCodebook& shape, std::size_t tile, const float* codebook,
                float* packed) {
  const std::size_t dim = shape.dim, first = tile * kCodeTile;
  float* to = packed + tile * shape.tile_floats();
  bool finite = true;
  for (std::size_t at = 0; at < kCodeTile; ++at) {
    const bool padding = first + at >= shape.codes;
    const float* code = padding ? nullptr : codebook + (first + at) * dim;
    const float square = padding ? kInfinity : squared_length(dim, code);
    finite = finite && (padding || std::isfinite(square));
    to[at] = square / 2;
    for (std::size_t k = 0; k < dim; ++k) to[(k + 1) * kCodeTile + at] = padding ? 0 : code[k];
  }
  return finite;
}

bool nearest_indices(const PackedCodebook& codebook, std::size_t rows, const float* z,
                     std::int64_t* indices, float* distances) {
  for (std::size_t row = 0; row < rows; ++row)
    if (!has_finite_length(codebook.dim, z + row * codebook.dim)) return false;
  std::fill(indices, indices + rows, 0);
  std::fill(distances, distances + rows, kInfinity);
  HWY_DYNAMIC_DISPATCH(find_nearest)(codebook, rows, z, indices, distances);
  return true;
}

bool nearest_indices_reference(std::size_t codes, std::size_t dim, const float* codebook,
                               std::size_t rows, const float* z, std::int64_t* indices,
                               float* distances) {
  for (std::size_t code = 0; code < codes; ++code)
    if (!has_finite_length(dim, codebook + code * dim)) return false;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!has_finite_length(dim, z + row * dim)) return false;
    for (std::size_t code = 0; code < codes; ++code) {
      float distance = squared_length(dim, codebook + code * dim) / 2;
      for (std::size_t k = 0; k < dim; ++k) distance -= z[row * dim + k] * codebook[code * dim + k];
      if (code > 0 && !(distance < distances[row])) continue;
      indices[row] = static_cast<std::int64_t>(code);
      distances[row] = distance;
    }
  }
  return true;
}

}  // namespace tessera::kernels
#endif
