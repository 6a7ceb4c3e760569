#pragma once

#include <string>

#include "engine/feature_map.h"
#include "engine/model_weights.h"

namespace tessera {

/// GroupNorm of 32 groups over a whole map, and SiLU if asked for.
class MapNorm {
 public:
  /// Reads <name>.weight and <name>.bias [channels].
  MapNorm(const ModelWeights& weights, const std::string& name, int channels, bool silu);

  /// Takes the statistics from the map's moments: apply is then a scale and an offset per channel.
  void measure(const Moments& moments);
  /// output [positions, channels] from input of the same shape, float32 or bf16.
  void apply(ActivationType type, std::size_t positions, const std::byte* input,
             std::byte* output) const;

  std::size_t weight_bytes() const { return 4 * weight_.size() * sizeof(float); }

 private:
  std::size_t channels_;
  bool silu_;
  std::vector<float> weight_, bias_;
  std::vector<float> scale_, offset_;  // of the map that was measured last
};

}  // namespace tessera
