#pragma once

#include <nlohmann/json.hpp>

#include "experiment/experiment_options.h"
#include "recipe/recipe.h"

namespace tessera {

/// Draws options.samples images at the guidance that does best on held-out training images, and
/// measures them against the test images (GeneratorExperiment::generation). Writes a sheet with a
/// row for each class to `sheet`.
nlohmann::json measure_samples(const ExperimentOptions& options, const Recipe& recipe,
                               const fs::path& tokenizer, const fs::path& generator,
                               const fs::path& sheet);

}  // namespace tessera
