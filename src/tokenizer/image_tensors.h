#pragma once

#include <torch/torch.h>

#include <vector>

#include "image/image.h"

namespace tessera {

/// Pictures of [B, 3, H, H] in [-1, 1], clamped and rounded to 8 bits.
inline std::vector<Image> images_of(const torch::Tensor& images) {
  const auto rows = images.to(torch::kFloat32).permute({0, 2, 3, 1}).contiguous();
  std::vector<Image> pictures;
  for (std::int64_t i = 0; i < rows.size(0); ++i)
    pictures.push_back(
        image_from_floats(rows[i].data_ptr<float>(), static_cast<int>(rows.size(1))));
  return pictures;
}

}  // namespace tessera
