#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "engine/aligned_buffer.h"
#include "engine/feature_map.h"

namespace tessera {

class MapNorm;

/// How a layer cuts a map: into slabs of rows, so small that a slab stays in a core's cache while
/// it is normalised, convolved and measured; and into bands of some slabs, which are the threads'
/// tasks. It depends on the map alone, and so do the results.
struct SlabCut {
  int rows;  ///< of the whole map
  int slab_rows;
  int band_rows;  ///< a multiple of slab_rows

  /// `row_bytes`: what a row of the map takes, input or output, whichever is more.
  static SlabCut of(int rows, std::size_t row_bytes);

  int slabs() const { return (rows + slab_rows - 1) / slab_rows; }
  int bands() const { return (rows + band_rows - 1) / band_rows; }
};

/// The threads of a decoder and a piece of memory for each.
struct Workers {
  ThreadPool& pool;
  std::vector<AlignedBuffer> scratch;  ///< [threads]
  AlignedBuffer shared;                ///< for the layer that runs

  /// Calls body(slab, first row, whether the slab before it was this thread's last, scratch) for
  /// every slab, the slabs of a band in their order on one thread.
  template <typename Body>
  void for_each_slab(const SlabCut& cut, const Body& body) {
    pool.for_each(static_cast<std::size_t>(cut.bands()), [&](std::size_t band, int thread) {
      const int first = static_cast<int>(band) * cut.band_rows;
      const int end = std::min(first + cut.band_rows, cut.rows);
      for (int row = first; row < end; row += cut.slab_rows)
        body(static_cast<std::size_t>(row / cut.slab_rows), row, row > first,
             scratch[static_cast<std::size_t>(thread)].data());
    });
  }
};

/// Rows of a map for a convolution: `halo` more above and below, zeros outside the map.
struct SlabInput {
  ActivationType type;
  int rows, halo;
  const MapNorm* norm = nullptr;  ///< applied on the way

  /// Puts rows first - halo .. first + rows + halo - 1 into `slab`. `follows`: it holds the slab
  /// just above, whose last rows need not be made again.
  void gather(const FeatureMap& map, int first, bool follows, std::byte* slab) const;
};

/// Takes the moments of positions [first, first + count) of the map as those of slab `slab`.
void measure_slab(ActivationType type, FeatureMap& map, std::size_t slab, std::size_t first,
                  std::size_t count);

}  // namespace tessera
