#pragma once

#include "import/foreign_weights.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

/// The tensors of a VQ model of this shape, as VqModel names them (LlamaGen's names).
Shapes vq_shapes(const TokenizerConfig& config);

/// The shape of the VQ model that has these weights: channels, multipliers, blocks, latent
/// channels, codes. Throws FileError naming the tensor that fits no such model; matched() tells the
/// rest. l2_normalised is left as it is, since no shape shows it.
TokenizerConfig vq_config_of(const ForeignWeights& weights);

/// What taming-transformers calls a tensor of a VQ model with so many levels:
/// "decoder.conv_blocks.0.res.1.conv1.weight" of 5 levels is "decoder.up.4.block.1.conv1.weight".
std::string taming_name(const std::string& name, int levels);

}  // namespace tessera
