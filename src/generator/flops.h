#pragma once

#include <nlohmann/json.hpp>

#include "models/generator_shape.h"

namespace tessera {

/// Floating-point operations of one sequence's forward pass, by part: two for each multiplication
/// and addition of every matrix product. Attention counts all T x T scores, though causal masking
/// needs half: that is what is computed in training.
struct GeneratorFlops {
  double qkv = 0, attention = 0, attention_output = 0, feed_forward = 0, head = 0;

  double total() const { return qkv + attention + attention_output + feed_forward + head; }
};

/// The forward pass over all positions at once.
GeneratorFlops forward_flops(const GeneratorConfig& config, const GeneratorShape& shape);

/// One image position by position with a KV cache: position t scores t + 1 keys.
GeneratorFlops cached_flops(const GeneratorConfig& config, const GeneratorShape& shape);

/// {"forward": by part, "training_step_per_sequence": 3 x forward, "sampling_per_image": ...,
/// "sampling_per_image_guided": twice}.
nlohmann::json flops_json(const GeneratorConfig& config, const GeneratorShape& shape);

}  // namespace tessera
