// engine/ runs trained models without LibTorch. Here the image decoder: feature maps are
// channels-last, and layers work on slabs of their rows.
#pragma once

#include <cstddef>
#include <vector>

namespace tessera {

/// How activations and large weights are held. Sums are float32 either way.
enum class ActivationType { float32, bf16 };

/// Bytes of one number.
constexpr std::size_t size_of(ActivationType type) { return type == ActivationType::bf16 ? 2 : 4; }

struct MapShape {
  int rows = 0, columns = 0, channels = 0;

  std::size_t positions() const {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  }
  std::size_t size() const { return positions() * static_cast<std::size_t>(channels); }
  bool operator==(const MapShape&) const = default;
};

/// What GroupNorm needs to know of a map: for each slab of its positions the mean of every channel,
/// and the sum of squared deviations from it.
struct Moments {
  std::vector<std::size_t> positions;  ///< [slabs]
  std::vector<float> mean, squares;    ///< [slabs, channels]

  void resize(int slabs, int channels) {
    positions.resize(static_cast<std::size_t>(slabs));
    mean.resize(positions.size() * static_cast<std::size_t>(channels));
    squares.resize(mean.size());
  }
};

/// Activations [rows, columns, channels], borrowed, and their moments where a norm will follow.
struct FeatureMap {
  MapShape shape;
  std::byte* data = nullptr;
  Moments moments;
};

}  // namespace tessera
