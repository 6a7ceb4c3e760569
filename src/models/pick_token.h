#pragma once

#include <cstdint>
#include <span>

#include "recipe/generator_config.h"

namespace tessera {

/// A token drawn from softmax(logits / temperature), cut to the top_k likeliest and then to the
/// likeliest that hold top_p of what is left. `uniform` in [0, 1) decides; the same numbers give
/// the same token. Temperature 0 takes the likeliest. Throws Error when no logit is finite.
std::int64_t pick_token(std::span<const float> logits, const SamplingConfig& sampling,
                        double uniform);

}  // namespace tessera
