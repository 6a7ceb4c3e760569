#pragma once

#include <cstdint>
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

/// Images in a row of the grid, at most.
inline constexpr int kWidestGrid = 16;
/// The most pixels that a side of a PNG file has with libpng's own limits.
inline constexpr std::int64_t kMostPngSide = 1'000'000;

/// Throws UsageError if memory does not hold the images that `plan` asks for, or a PNG file the
/// grid of them. Images have `tokens` tokens and `width` x `height` pixels, 0 if none are wanted.
void require_room(const SampleOptions& options, const SamplePlan& plan, std::int64_t tokens,
                  std::int64_t width, std::int64_t height);

/// Throws Error for a class that the generator does not know, a setting out of range, or a `total`
/// of a generator that does not say how many training images each class had.
SamplePlan plan_samples(const SampleOptions& options, const ModelConfig& generator);

}  // namespace tessera
