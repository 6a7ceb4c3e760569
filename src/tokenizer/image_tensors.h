#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "image/image.h"

namespace tessera {

/// Pictures of [B, 3, H, W] in [-1, 1], clamped and rounded to 8 bits.
inline std::vector<Image> images_of(const torch::Tensor& images) {
  const auto rows = images.to(torch::kFloat32).permute({0, 2, 3, 1}).contiguous();
  std::vector<Image> pictures;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    const auto one = rows[i];
    const auto* pixels = one.data_ptr<float>();
    Image picture{static_cast<int>(rows.size(2)), static_cast<int>(rows.size(1)), {}};
    picture.pixels.resize(static_cast<std::size_t>(one.numel()));
    std::transform(pixels, pixels + one.numel(), picture.pixels.begin(), byte_from_float);
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

}  // namespace tessera
