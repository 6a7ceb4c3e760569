#include "image/row_collector.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {

void check_image_size(int width, int height, const std::string& name) {
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const std::string found = std::to_string(width) + " x " + std::to_string(height);
  if (width < 1 || height < 1) throw FileError(name, "size", found, "at least 1 x 1");
  if (std::max(width, height) > kMostPixelsPerSide || pixels > kMostPixels)
    throw FileError(name, "size", found, "at most 65500 a side and 512 megapixels");
}

RowCollector::RowCollector(int width, int height, const std::string& name) {
  check_image_size(width, height, name);
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const auto factor = [&] { return static_cast<std::size_t>(factor_); };
  while (pixels / (factor() * factor()) > kWholePixels) ++factor_;
  image_.width = width / factor_;
  image_.height = height / factor_;
  image_.pixels.resize(static_cast<std::size_t>(image_.width) * image_.height * 3);
  if (factor_ > 1) sums_.resize(static_cast<std::size_t>(image_.width) * 3);
}

void RowCollector::add(const std::uint8_t* row) {
  const int y = rows_++ / factor_;
  if (y >= image_.height) return;  // the last few rows, when the factor does not divide the height
  const std::size_t row_size = static_cast<std::size_t>(image_.width) * 3;
  if (factor_ == 1) {
    std::copy_n(row, row_size, image_.pixels.begin() + static_cast<std::ptrdiff_t>(y * row_size));
    return;
  }
  for (int x = 0; x < image_.width * factor_; ++x)
    for (int c = 0; c < 3; ++c) sums_[x / factor_ * 3 + c] += row[x * 3 + c];
  if (rows_ % factor_ == 0) average_into_image();
}

void RowCollector::average_into_image() {
  const auto area = static_cast<std::uint32_t>(factor_ * factor_);
  const std::size_t start = (rows_ / factor_ - 1) * sums_.size();
  for (std::size_t i = 0; i < sums_.size(); ++i)
    image_.pixels[start + i] = static_cast<std::uint8_t>((sums_[i] + area / 2) / area);
  std::fill(sums_.begin(), sums_.end(), 0);
}

}  // namespace tessera
