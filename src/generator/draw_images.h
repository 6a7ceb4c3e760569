#pragma once

#include "generator/pipeline.h"
#include "samples/write_samples.h"

namespace tessera {

/// Draws the images of `options` and writes what it asks for: what `sample` and `complete` share.
/// Returns counts, the settings of sampling, seconds and hashes.
nlohmann::json draw_images(const SampleOptions& options, SampleOutputs& outputs, Pipeline& models,
                           const Beginning& beginning);

}  // namespace tessera
