#pragma once

#include "import/checkpoint.h"
#include "training/model_folder.h"

namespace tessera {

/// Throws Error unless `folder` is new or empty and can be written: an import replaces no model.
void require_new_folder(const fs::path& folder);

/// Completes `config` (made_by, data, extra.source, extra.parameters) and writes the model folder
/// whole or not at all (NewFolder). Returns what was written, for the
/// results of a command.
nlohmann::json write_imported_folder(const fs::path& folder, ModelConfig config,
                                     const std::vector<TensorToWrite>& weights,
                                     const std::vector<nlohmann::json>& sources);

}  // namespace tessera
