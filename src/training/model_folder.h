#pragma once

#include "models/model_config.h"
#include "training/weights.h"

namespace tessera {

/// Writes config.json, then model.safetensors, each whole or not at all.
void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const TensorMap& weights);

/// The same for weights of another origin, made when their turn comes, since a model may be larger
/// than memory. Who wrote it stands in config.json alone, so that whoever imports the same weights
/// gets the same SHA-256.
void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const std::vector<TensorToWrite>& weights);

}  // namespace tessera
