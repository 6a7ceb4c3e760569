#include "engine/slab.h"

#include <algorithm>
#include <cstring>

#include "engine/map_norm.h"
#include "kernels/group_norm.h"

namespace tessera {
namespace {

constexpr int kBands = 16;                      // tasks of a layer, where it has the rows
constexpr int kLeastBandRows = 2;               // one row would be normalised three times
constexpr std::size_t kSlabBytes = 384 * 1024;  // of a second-level cache of 1 MB or more

}  // namespace

SlabCut SlabCut::of(int rows, std::size_t row_bytes) {
  const int band = std::min(rows, std::max(kLeastBandRows, (rows + kBands - 1) / kBands));
  int slab = band;
  while (slab > 1 && static_cast<std::size_t>(slab + 2) * row_bytes > kSlabBytes)
    slab = (slab + 1) / 2;
  return {rows, slab, (band + slab - 1) / slab * slab};
}

void SlabInput::gather(const FeatureMap& map, int first, bool follows, std::byte* slab) const {
  const auto columns = static_cast<std::size_t>(map.shape.columns);
  const auto channels = static_cast<std::size_t>(map.shape.channels);
  const std::size_t row_bytes = columns * channels * size_of(type);
  const auto place = [&](int row) {  // in the slab
    return slab + static_cast<std::size_t>(row - first + halo) * row_bytes;
  };
  int begin = first - halo;
  const int end = first + rows + halo;
  if (follows) {
    std::memmove(slab, slab + static_cast<std::size_t>(rows) * row_bytes,
                 static_cast<std::size_t>(2 * halo) * row_bytes);
    begin += 2 * halo;
  }
  const int above = std::clamp(0, begin, end), below = std::clamp(map.shape.rows, above, end);
  std::memset(place(begin), 0, static_cast<std::size_t>(above - begin) * row_bytes);
  std::memset(place(below), 0, static_cast<std::size_t>(end - below) * row_bytes);
  const auto* from = map.data + static_cast<std::size_t>(above) * row_bytes;
  const auto count = static_cast<std::size_t>(below - above);
  if (count == 0) return;
  if (norm)
    norm->apply(type, count * columns, from, place(above));
  else
    std::memcpy(place(above), from, count * row_bytes);
}

void measure_slab(ActivationType type, FeatureMap& map, std::size_t slab, std::size_t first,
                  std::size_t count) {
  const auto channels = static_cast<std::size_t>(map.shape.channels);
  const auto* data = map.data + first * channels * size_of(type);
  auto& [positions, mean, squares] = map.moments;
  const kernels::Block block{count, channels};
  positions[slab] = count;
  float* slab_mean = mean.data() + slab * channels;
  float* slab_squares = squares.data() + slab * channels;
  if (type == ActivationType::bf16)
    kernels::channel_moments(block, reinterpret_cast<const kernels::Bf16*>(data), slab_mean,
                             slab_squares);
  else
    kernels::channel_moments(block, reinterpret_cast<const float*>(data), slab_mean, slab_squares);
}

}  // namespace tessera
