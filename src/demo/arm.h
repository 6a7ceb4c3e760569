#pragma once

#include <nlohmann/json.hpp>

#include "experiment/experiment_options.h"

namespace tessera {

/// One tokenizer and the generator trained on its tokens, from images to measurements, in `folder`.
/// Runs what is not done yet and returns {"tokenizer", "generator", "reconstruction", "likelihood",
/// "generation"}. Each stage leaves its result in <folder>/stages, so that a killed run goes on
/// where it was.
nlohmann::json run_arm(const ExperimentOptions& options, const fs::path& folder);

}  // namespace tessera
