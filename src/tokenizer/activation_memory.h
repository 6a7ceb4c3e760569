#pragma once

#include <cstdint>

#include "recipe/recipe.h"

namespace tessera {

/// The memory in bytes that encoding or decoding a batch takes at the least: the larger of two
/// feature maps of full size and two attention matrices over all tokens.
double least_activation_bytes(const TokenizerConfig& config, int grid_rows, int grid_columns,
                              std::int64_t images);

/// Throws UsageError if memory does not hold the activations of `images` square images at a time.
/// `where` names what set their size: "--image-size is 4096".
void require_activation_memory(const TokenizerConfig& config, int image_size, std::int64_t images,
                               const std::string& where);

}  // namespace tessera
