#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "base/error.h"

namespace tessera {
namespace {

constexpr double kLobes = 3;

double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= kLobes) return 0;
  const double angle = std::numbers::pi * x;
  return kLobes * std::sin(angle) * std::sin(angle / kLobes) / (angle * angle);
}

// One output pixel: the weighted sum of inputs first, first + 1, ..
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// When it shrinks, the filter is as wide as `scale` inputs per output, so that no input is left
// out.
Taps taps_around(double centre, double scale, int input_size) {
  const double width = std::max(scale, 1.0);
  const int first = std::max(0, static_cast<int>(std::floor(centre - kLobes * width)));
  const int end = std::min(input_size, static_cast<int>(std::ceil(centre + kLobes * width)));
  Taps taps{first, {}};
  double sum = 0;
  for (int i = first; i < end; ++i) {
    taps.weights.push_back(static_cast<float>(lanczos((i + 0.5 - centre) / width)));
    sum += taps.weights.back();
  }
  for (float& weight : taps.weights) weight = static_cast<float>(weight / sum);
  return taps;
}

std::vector<Taps> centre_taps(int input_size, double scale, int side) {
  // A whole number of output pixels is cut off, so that nothing is interpolated when the scale
  // is 1.
  const double cut = std::max(0.0, std::floor((input_size / scale - side) / 2));
  std::vector<Taps> taps(static_cast<std::size_t>(side));
  for (int i = 0; i < side; ++i) taps[i] = taps_around((cut + i + 0.5) * scale, scale, input_size);
  return taps;
}

template <typename T>
void filter_row(const T* row, const std::vector<Taps>& columns, float* target) {
  for (const auto& taps : columns) {
    float sums[3] = {};
    const T* pixel = row + static_cast<std::size_t>(taps.first) * 3;
    for (const float weight : taps.weights)
      for (float& sum : sums) sum += weight * static_cast<float>(*pixel++);
    target = std::copy_n(sums, 3, target);
  }
}

}  // namespace

template <typename T>
std::vector<float> resize_and_crop(const T* pixels, int width, int height, int side) {
  TESSERA_CHECK(width > 0 && height > 0 && side > 0);
  if (width == side && height == side)
    return {pixels, pixels + static_cast<std::size_t>(width) * height * 3};
  const double scale = static_cast<double>(std::min(width, height)) / side;
  const auto columns = centre_taps(width, scale, side);
  const auto rows = centre_taps(height, scale, side);
  const int first = rows.front().first;
  const int end = rows.back().first + static_cast<int>(rows.back().weights.size());
  const std::size_t row_size = static_cast<std::size_t>(side) * 3;
  std::vector<float> narrow((end - first) *
                            row_size);  // the rows that are needed, at their final width
  for (int y = first; y < end; ++y)
    filter_row(pixels + static_cast<std::size_t>(y) * width * 3, columns,
               &narrow[(y - first) * row_size]);
  std::vector<float> result(side * row_size);
  for (int y = 0; y < side; ++y)
    for (std::size_t tap = 0; tap < rows[y].weights.size(); ++tap) {
      const float* source = &narrow[(rows[y].first - first + tap) * row_size];
      for (std::size_t i = 0; i < row_size; ++i)
        result[y * row_size + i] += rows[y].weights[tap] * source[i];
    }
  return result;
}

template std::vector<float> resize_and_crop(const std::uint8_t*, int, int, int);
template std::vector<float> resize_and_crop(const float*, int, int, int);

}  // namespace tessera
