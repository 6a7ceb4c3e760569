#pragma once

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace tessera {

/// What a model folder or a pipeline holds: kind, shape, numbers, weights, hashes, who made it.
/// Throws FileError when it is neither.
nlohmann::json describe_model(const fs::path& folder);

}  // namespace tessera
