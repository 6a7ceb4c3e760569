#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataset/image_set.h"

namespace tessera {

struct ImageBatch {
  int side = 0;                      ///< pixels
  std::vector<float> pixels;         ///< [images, side, side, 3] in [-1, 1]
  std::vector<std::int64_t> labels;  ///< [images]
  std::vector<std::size_t> indices;  ///< [images] positions in the set
};

/// Endless shuffled, augmented batches. Batch `step` is a function of (set, config, seed, step)
/// alone, whatever the number of threads, so training resumes exactly. A corrupt image is replaced
/// by another of the epoch and counted.
class TrainingLoader {
 public:
  TrainingLoader(std::shared_ptr<const ImageSet> images, const DataConfig& config, int batch_size,
                 std::uint64_t seed, std::int64_t first_step = 0);
  ~TrainingLoader();
  /// The next batch, from first_step on. Throws Error when no image can be decoded.
  ImageBatch next();
  std::size_t corrupt_images() const;  ///< distinct ones met so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Every image once, in order, without augmentation; corrupt images are skipped and counted.
/// Decodes ahead in threads. `limit` 0 is all images; otherwise that many, evenly spread over the
/// set. Returns the number of corrupt images. Throws Error when no image can be decoded.
std::size_t for_each_batch(const ImageSet& images, const DataConfig& config, int batch_size,
                           std::size_t limit, const std::function<void(const ImageBatch&)>& use);

}  // namespace tessera
