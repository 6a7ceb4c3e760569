#pragma once

#include <utility>

#include "image/image.h"

namespace tessera {

/// Throws FileError when width x height is beyond the limits.
void check_image_size(int width, int height, const std::string& name);

/// Collects decoded rows into an image, averaging blocks of factor x factor pixels when it is
/// larger than kWholePixels.
class RowCollector {
 public:
  /// Checks the size, as check_image_size does.
  RowCollector(int width, int height, const std::string& name);
  /// The next row, [width, 3]. Allocates nothing, so that it may be called between setjmp and
  /// longjmp.
  void add(const std::uint8_t* row);
  Image take() { return std::move(image_); }

 private:
  void average_into_image();

  int factor_ = 1;
  int rows_ = 0;                     // given so far
  std::vector<std::uint32_t> sums_;  // [image width, 3], of the rows of the block under way
  Image image_;
};

}  // namespace tessera
