// recipe/ holds every setting of both stages as plain structs, one file a table; nothing here needs
// LibTorch.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recipe/data_config.h"
#include "recipe/generator_config.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

/// Everything that defines a data set's two models. In TOML one table per member;
/// docs/formats/recipe.md lists every key.
struct Recipe {
  DataConfig data;
  TokenizerConfig tokenizer;
  RegularizerConfig regularizer;
  TokenizerTrainingConfig tokenizer_training;
  GeneratorConfig generator;
  GeneratorTrainingConfig generator_training;
  SamplingConfig sampling;

  void visit(auto&& table) {
    table("data", data, "how images are read, cut to size, split and augmented");
    table("tokenizer", tokenizer, "the shape of the VQ tokenizer");
    table("regularizer", regularizer, "causally regularized tokenization");
    table("tokenizer_training", tokenizer_training, "how the tokenizer learns");
    table("generator", generator, "the shape of the transformer");
    table("generator_training", generator_training, "how the generator learns");
    table("sampling", sampling, "defaults of `tessera sample`");
  }
  int grid() const { return data.image_size / tokenizer.downsampling(); }
  int tokens_per_image() const { return grid() * grid(); }
  /// Throws Error naming the table and key that is wrong.
  void validate() const;
};

/// Reads a recipe, applies "table.key=value" overrides, validates. Throws Error or FileError.
Recipe load_recipe(const std::string& path, const std::vector<std::string>& overrides = {});

/// The recipe stored in a model folder's config.json. `where` names the file in errors.
Recipe recipe_from_json(const nlohmann::json& json, const std::string& where);

/// docs/formats/recipe.md's tables, made from the structs.
std::string recipe_reference();

}  // namespace tessera
