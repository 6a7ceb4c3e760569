#pragma once

#include <nlohmann/json.hpp>

#include "samples/write_samples.h"

namespace tessera {

/// Draws images of each class, all of which begin with `beginning`, with the LibTorch model, the
/// specification of the engine. Returns counts, the settings of sampling, seconds and hashes.
/// Throws Error on bad input, such as a tokenizer that the generator does not know.
nlohmann::json sample_with_torch(const SampleOptions& options, const Beginning& beginning = {});

struct CompleteOptions : SampleOptions {
  std::string image;  ///< PNG or JPEG; resized and cropped to the tokenizer's square
  int keep_rows = 0;  ///< rows of tokens kept, from the top; fewer than an image has
};

/// The top rows of an image, as the tokenizer encodes it: what a completion begins with. Throws
/// Error when the image cannot be read or has no rows left to draw.
Beginning beginning_of(const CompleteOptions& options);

}  // namespace tessera
