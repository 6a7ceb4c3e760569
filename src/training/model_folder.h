#pragma once

#include <nlohmann/json.hpp>

#include "recipe/recipe.h"
#include "training/weights.h"

namespace tessera {

/// What config.json of a model folder holds (docs/formats/model-folder.md).
struct ModelConfig {
  std::string kind;  ///< "tokenizer", "generator", "features" or "lpips"
  Recipe recipe;     ///< the full effective configuration
  std::vector<std::string> class_names;
  std::string data;                                 ///< what it was trained on
  nlohmann::json made_by;                           ///< program, commit, seed
  nlohmann::json extra = nlohmann::json::object();  ///< what only this kind has
};

/// Writes config.json, then model.safetensors, each whole or not at all.
void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const TensorMap& weights);

/// The same for weights of another origin, made when their turn comes, since a model may be larger
/// than memory. Who wrote it stands in config.json alone, so that whoever imports the same weights
/// gets the same SHA-256.
void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const std::vector<TensorToWrite>& weights);

/// Reads config.json. Throws FileError naming the field that is wrong, or if the folder holds
/// another kind.
ModelConfig read_model_config(const fs::path& folder, const std::string& kind);

/// Opens <folder>/model.safetensors.
SafetensorsFile open_model_weights(const fs::path& folder);

/// SHA-256 of <folder>/model.safetensors: a tokenizer's identity in token files.
std::string model_hash(const fs::path& folder);

}  // namespace tessera
