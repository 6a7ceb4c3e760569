// models/ holds what training and engine both know of a model, without LibTorch: its folder, its
// shape, its classes, and how a token is picked.
#pragma once

#include <nlohmann/json.hpp>

#include "formats/safetensors.h"
#include "recipe/recipe.h"

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

/// The format that config.json and model.safetensors name.
constexpr const char* kModelFormat = "tessera.model/1";

/// Reads config.json. Throws FileError naming the field that is wrong, or if the folder holds
/// another kind.
ModelConfig read_model_config(const fs::path& folder, const std::string& kind);
void write_model_config(const fs::path& folder, const ModelConfig& config);

/// Opens <folder>/model.safetensors.
SafetensorsFile open_model_weights(const fs::path& folder);

/// SHA-256 of <folder>/model.safetensors: a tokenizer's identity in token files.
std::string model_hash(const fs::path& folder);

/// A field of config.extra; FileError if it is missing.
const nlohmann::json& extra_field(const ModelConfig& config, const char* name,
                                  const fs::path& folder);

}  // namespace tessera
