#pragma once

#include <nlohmann/json.hpp>

#include "samples/write_samples.h"

namespace tessera {

/// Draws images of each class, all of which begin with `beginning`, with the engine. Returns
/// counts, the settings of sampling, seconds and hashes. Throws Error on bad input, such as a
/// tokenizer that the generator does not know.
nlohmann::json sample_with_engine(const SampleOptions& options, const Beginning& beginning);

}  // namespace tessera
