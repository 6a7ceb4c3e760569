#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "dataset/image_set.h"

namespace tessera {

using Paths = std::vector<fs::path>;

/// IDX images, with their labels as second path or found beside them by name (else all have one
/// class). Without class `names` the classes are "0", "1", ..
std::unique_ptr<ImageSet> open_idx(const Paths& paths, const std::vector<std::string>& names = {});

/// CIFAR-10's binary version: records of a label and three planes of 32 x 32.
std::unique_ptr<ImageSet> open_cifar(const Paths& paths);

/// .npy float32 [N, 3, H, W] in [-1, 1] or uint8 [N, H, W, 3]; one class.
std::unique_ptr<ImageSet> open_npy_images(const fs::path& path);

}  // namespace tessera
