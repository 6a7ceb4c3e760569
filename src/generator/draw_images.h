#pragma once

#include <optional>

#include "generator/pipeline.h"
#include "generator/sample.h"
#include "image/image.h"

namespace tessera {

/// What every image begins with; nothing unless an image is completed.
struct Beginning {
  torch::Tensor codes;           ///< [P] int64, kept as the first tokens; may be undefined
  std::optional<Image> picture;  ///< shown at the beginning of each row of the grid
};

/// Throws Error when nothing is asked for or a folder is in the way.
void check_options(const SampleOptions& options);

/// Draws the images of `options` and writes what it asks for: what `sample` and `complete` share.
/// Returns counts, the settings of sampling, seconds and hashes.
nlohmann::json draw_images(const SampleOptions& options, Pipeline& models,
                           const Beginning& beginning);

}  // namespace tessera
