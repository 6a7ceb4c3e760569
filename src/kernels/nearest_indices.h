#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::kernels {

/// Codes of a tile of a packed codebook.
constexpr std::size_t kCodeTile = 64;

/// A codebook [codes, dim] in the order in which the search reads it: tiles of 64 codes, each first
/// half the squared length of every code, then the first value of every code, then the second, and
/// so on; the last tile is padded with codes at an infinite distance. Borrowed; fastest where
/// `values` is 64-byte aligned. The same for every instruction set.
struct PackedCodebook {
  std::size_t codes, dim;  // at least one code
  const float* values;

  std::size_t tiles() const { return (codes + kCodeTile - 1) / kCodeTile; }
  std::size_t tile_floats() const { return (dim + 1) * kCodeTile; }
};

/// Packs tile `tile` of `codebook` [codes, dim], row-major, into its place in `packed`, which has
/// room for all tiles. Tiles are independent, so the caller can thread them. Returns false if the
/// squared length of a code is not finite; the tile must not be searched then.
bool pack_codes(const PackedCodebook& shape, std::size_t tile, const float* codebook,
                float* packed);

/// For each of `rows` rows of z [rows, dim] the index of the nearest code, the lowest of equals,
/// and distances [rows]: |e|^2 / 2 - z e of that code e, which is half of |z - e|^2 - |z|^2. The
/// float32 operations and their order are those of nearest_indices_reference, so that both results
/// are the same on every instruction set, bit for bit, and independent of the other rows. Returns
/// false if the squared length of a row is not finite; the results are unspecified then.
bool nearest_indices(const PackedCodebook& codebook, std::size_t rows, const float* z,
                     std::int64_t* indices, float* distances);

/// The same one by one, from the row-major codebook: the specification. Returns false if the
/// squared length of a row or of a code is not finite.
bool nearest_indices_reference(std::size_t codes, std::size_t dim, const float* codebook,
                               std::size_t rows, const float* z, std::int64_t* indices,
                               float* distances);

}  // namespace tessera::kernels
