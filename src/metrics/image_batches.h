#pragma once

#include <torch/torch.h>

#include <functional>

#include "dataset/image_set.h"

namespace tessera {

/// Images as a stream: calls `use` with batches [B, 3, H, W] in [-1, 1], the same ones in the same
/// order each time.
using ImageBatches =
    std::function<void(const std::function<void(const torch::Tensor& images)>& use)>;

/// A data source, `limit` images (0 is all) evenly spread over it, at the recipe's size, without
/// augmentation.
ImageBatches batches_of(std::shared_ptr<const ImageSet> images, const DataConfig& config,
                        const torch::Device& device, std::int64_t limit = 0);

/// Images already in memory, [N, 3, H, W] in [-1, 1].
ImageBatches batches_of(const torch::Tensor& images);

}  // namespace tessera
