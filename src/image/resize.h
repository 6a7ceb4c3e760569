#pragma once

#include <vector>

namespace tessera {

/// Scales the shorter side of [height, width, 3] to `side` with an antialiasing Lanczos filter and
/// keeps the centre square, [side, side, 3], unrounded. T is std::uint8_t or float.
template <typename T>
std::vector<float> resize_and_crop(const T* pixels, int width, int height, int side);

}  // namespace tessera
