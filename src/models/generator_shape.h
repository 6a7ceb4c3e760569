// generator/ is stage 2: LlamaGen's autoregressive transformer, its trainer, its sampler and what
// they measure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recipe/generator_config.h"

namespace tessera {

/// What a generator's tokens look like; the token file decides it, not the recipe.
struct GeneratorShape {
  int vocabulary = 0;                   ///< distinct tokens
  int classes = 0;                      ///< the table has one row more, the null class of guidance
  int grid_rows = 0, grid_columns = 0;  ///< tokens per image side

  int positions() const { return grid_rows * grid_columns; }
};

/// Sets layers, heads, dim and ffn_multiple to LlamaGen's B, L, XL, XXL or 3B. Throws Error for
/// another name.
void apply_preset(GeneratorConfig& config, const std::string& preset);
/// The same as changes of a recipe, "generator.key=value".
std::vector<std::string> preset_settings(const std::string& preset);

/// Numbers that training learns, counted from the configuration alone.
std::int64_t count_parameters(const GeneratorConfig& config, const GeneratorShape& shape);

}  // namespace tessera
