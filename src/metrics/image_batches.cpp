#include "metrics/image_batches.h"

#include "base/interrupt.h"
#include "dataset/loader.h"
#include "training/device.h"

namespace tessera {
namespace {

// Bounds memory: feature maps of a batch at 256 px stay below 1 GB.
std::int64_t batch_size_at(std::int64_t side) {
  return std::clamp<std::int64_t>(250 * 32 * 32 / std::max<std::int64_t>(1, side * side), 4, 250);
}

}  // namespace

ImageBatches batches_of(std::shared_ptr<const ImageSet> images, const DataConfig& config,
                        const torch::Device& device, std::int64_t limit) {
  return [=](const auto& use) {
    for_each_batch(*images, config, static_cast<int>(batch_size_at(config.image_size)),
                   static_cast<std::size_t>(limit), [&](const ImageBatch& batch) {
                     stop_if_interrupted();
                     use(image_tensor(batch, device));
                   });
  };
}

ImageBatches batches_of(const torch::Tensor& images) {
  return [=](const auto& use) {
    for (const auto& batch : images.split(batch_size_at(images.size(2)))) {
      stop_if_interrupted();
      use(batch);
    }
  };
}

}  // namespace tessera
