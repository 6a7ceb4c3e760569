#pragma once

#include "dataset/image_set.h"
#include "experiment/experiment_options.h"
#include "metrics/image_batches.h"
#include "recipe/recipe.h"

namespace tessera {

/// The images that experiments are measured on: the recipe's split of the training images, and the
/// test images where there are any.
class HeldOut {
 public:
  HeldOut(const ExperimentOptions& options, const DataConfig& config)
      : options_(options), config_(config) {}

  std::shared_ptr<const ImageSet> valid() const {
    return take_split(open_images(options_.data), Split::valid, config_);
  }
  std::shared_ptr<const ImageSet> test() const {
    return options_.held_out.empty() ? valid() : open_images(options_.held_out);
  }
  std::shared_ptr<const ImageSet> train() const {
    return take_split(open_images(options_.data), Split::train, config_);
  }
  ImageBatches batches(std::shared_ptr<const ImageSet> images, const torch::Device& device,
                       std::int64_t count) const {
    return batches_of(std::move(images), config_, device, count);
  }
  ImageBatches test_batches(const torch::Device& device) const {
    return batches(test(), device, options_.held_out_images);
  }

 private:
  const ExperimentOptions& options_;
  const DataConfig& config_;
};

}  // namespace tessera
