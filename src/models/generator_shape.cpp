#include "models/generator_shape.h"

#include <array>

#include "base/error.h"

namespace tessera {
namespace {

struct Preset {
  const char* name;
  int layers, heads, dim;
};

constexpr std::array<Preset, 5> kPresets = {{{"B", 12, 12, 768},
                                             {"L", 24, 16, 1024},
                                             {"XL", 36, 20, 1280},
                                             {"XXL", 48, 24, 1536},
                                             {"3B", 24, 32, 3200}}};

}  // namespace

void apply_preset(GeneratorConfig& config, const std::string& preset) {
  for (const auto& [name, layers, heads, dim] : kPresets) {
    if (preset != name) continue;
    config.layers = layers;
    config.heads = heads;
    config.dim = dim;
    config.ffn_multiple = 256;
    return;
  }
  throw UsageError("--preset is '" + preset + "', expected one of B, L, XL, XXL, 3B");
}

std::vector<std::string> preset_settings(const std::string& preset) {
  GeneratorConfig config;
  apply_preset(config, preset);
  std::vector<std::string> settings;
  for (const auto& [key, value] : {std::pair{"layers", config.layers},
                                   {"heads", config.heads},
                                   {"dim", config.dim},
                                   {"ffn_multiple", config.ffn_multiple}})
    settings.push_back(std::string("generator.") + key + "=" + std::to_string(value));
  return settings;
}

std::int64_t count_parameters(const GeneratorConfig& config, const GeneratorShape& shape) {
  const std::int64_t dim = config.dim, head_norms = config.qk_norm ? 2 * (dim / config.heads) : 0;
  const std::int64_t layer = 4 * dim * dim + 3 * dim * config.ffn_dim() + 2 * dim + head_norms;
  const std::int64_t tables = (2 * std::int64_t{shape.vocabulary} + shape.classes + 1) * dim;
  return config.layers * layer + tables + dim;
}

}  // namespace tessera
