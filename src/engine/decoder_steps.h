#pragma once

#include <memory>
#include <vector>

#include "engine/layer.h"
#include "engine/model_weights.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

/// Where the decoder's maps are: three buffers, and the caller's pixels.
constexpr int kMapBuffers = 3, kPixels = kMapBuffers;
/// Where the first step finds the latents.
constexpr int kLatents = 1;

struct DecoderStep {
  std::unique_ptr<Layer> layer;
  int from, to;  ///< buffers
};

/// The VQ decoder from latents [rows, columns, latent_channels] to pixels [rows f, columns f, 3],
/// in the order in which it runs. Residual blocks add to their input where it lies, so that two
/// maps of a size are alive at a time, and a third where the number of channels changes. Throws
/// FileError for tensors that are missing, misshapen or not float32.
std::vector<DecoderStep> decoder_steps(const ModelWeights& weights, const TokenizerConfig& config,
                                       ActivationType type);

}  // namespace tessera
