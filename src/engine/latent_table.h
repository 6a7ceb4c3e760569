#pragma once

#include <cstdint>

#include "engine/feature_map.h"
#include "engine/model_weights.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

/// The codebook and the projection from codes to the decoder's latents.
class LatentTable {
 public:
  /// Throws FileError for tensors that are missing, misshapen, not float32 or not finite.
  LatentTable(const ModelWeights& weights, const TokenizerConfig& config);

  /// Latents [codes, latent_channels] of the codes. Throws Error for a code that does not exist.
  void look_up(std::span<const std::int32_t> codes, ActivationType type, std::byte* latents) const;

  int latent_channels() const { return static_cast<int>(bias_.size()); }
  std::size_t weight_bytes() const;

 private:
  std::size_t code_size_;
  std::vector<float> codebook_;  // [codebook_size, code_size], unit length if the recipe says so
  std::vector<float> projection_, bias_;  // [latent_channels, code_size], [latent_channels]
};

}  // namespace tessera
