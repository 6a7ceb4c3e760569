#include "generator/flops.h"

namespace tessera {
namespace {

// `scores` query-key pairs are scored per head and layer.
GeneratorFlops count(const GeneratorConfig& config, const GeneratorShape& shape, double scores) {
  const double tokens = shape.positions(), dim = config.dim, layers = config.layers;
  return {.qkv = layers * 2 * tokens * dim * 3 * dim,
          .attention = layers * 2 * 2 * scores * dim,  // query x key, then share x value
          .attention_output = layers * 2 * tokens * dim * dim,
          .feed_forward = layers * 2 * tokens * 3 * dim * config.ffn_dim(),
          .head = 2 * tokens * dim * shape.vocabulary};
}

nlohmann::json by_part(const GeneratorFlops& flops) {
  return {{"qkv", flops.qkv},
          {"attention", flops.attention},
          {"attention_output", flops.attention_output},
          {"feed_forward", flops.feed_forward},
          {"head", flops.head},
          {"total", flops.total()}};
}

}  // namespace

GeneratorFlops forward_flops(const GeneratorConfig& config, const GeneratorShape& shape) {
  const double tokens = shape.positions();
  return count(config, shape, tokens * tokens);
}

GeneratorFlops cached_flops(const GeneratorConfig& config, const GeneratorShape& shape) {
  const double tokens = shape.positions();
  return count(config, shape, tokens * (tokens + 1) / 2);
}

nlohmann::json flops_json(const GeneratorConfig& config, const GeneratorShape& shape) {
  const auto forward = forward_flops(config, shape), cached = cached_flops(config, shape);
  return {{"forward", by_part(forward)},
          {"training_step_per_sequence", 3 * forward.total()},
          {"sampling_per_image", cached.total()},
          {"sampling_per_image_guided", 2 * cached.total()}};
}

}  // namespace tessera
