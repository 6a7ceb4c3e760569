#pragma once

#include <vector>

#include "models/model_config.h"
#include "samples/sample_options.h"

namespace tessera {

/// What is to be drawn, one class after the other: `count` images of each class, or `total` images
/// of which each class is as large a part as it was of the training images.
struct SamplePlan {
  SamplingConfig sampling;           ///< the recipe's, with what the options say instead
  std::vector<std::int64_t> labels;  ///< of every image
  std::uint64_t seed = 0;

  /// The seed of one image: its tokens do not depend on how many others are drawn.
  std::uint64_t image_seed(std::size_t image) const;
};

/// Throws Error for a class that the generator does not know, a setting out of range, or a `total`
/// of a generator that does not say how many training images each class had.
SamplePlan plan_samples(const SampleOptions& options, const ModelConfig& generator);

}  // namespace tessera
