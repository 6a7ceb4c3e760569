#include "image/image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "image/resize.h"
#include "image/test_images.h"

namespace tessera {
namespace {

TEST(Resize, OfTheRightSizeIsExact) {
  const auto image = random_image(32, 32, 1);
  EXPECT_EQ(resize_and_crop(image, 32), image);
}

TEST(Resize, WithNothingToScaleCropsTheCentreExactly) {
  for (const int width : {9, 10, 11}) {
    const auto image = random_image(width, 8, 2);
    const auto square = resize_and_crop(image, 8);
    const int cut = (width - 8) / 2;
    for (int y = 0; y < 8; ++y)
      EXPECT_TRUE(std::equal(&square.pixels[y * 24], &square.pixels[y * 24] + 24,
                             &image.pixels[(y * width + cut) * 3]));
  }
}

TEST(Resize, KeepsPlainColours) {
  for (const auto& [width, height, side] :
       {std::tuple{1, 1, 16}, {1, 300, 8}, {300, 1, 8}, {640, 480, 31}, {5, 7, 64}})
    EXPECT_EQ(resize_and_crop(plain_image(width, height, 10, 128, 255), side),
              plain_image(side, side, 10, 128, 255));
}

TEST(Resize, AveragesDetailThatIsTooFine) {
  Image stripes{96, 96, std::vector<std::uint8_t>(96 * 96 * 3)};
  for (int i = 0; i < 96 * 96 * 3; ++i) stripes.pixels[i] = i / 3 % 2 ? 255 : 0;
  const auto small = resize_and_crop(stripes.pixels.data(), 96, 96, 12);
  // Inside the borders the Lanczos filter of 8 x 6 taps lets 1% of this frequency through, at most.
  for (int y = 0; y < 12; ++y)
    for (int x = 1; x < 11; ++x) EXPECT_NEAR(small[(y * 12 + x) * 3], 127.5, 2.55);
}

TEST(Resize, KeepsSlopesWhereTheyAre) {
  Image slope{64, 64, std::vector<std::uint8_t>(64 * 64 * 3)};
  for (int i = 0; i < 64 * 64 * 3; ++i) slope.pixels[i] = static_cast<std::uint8_t>(i / 3 % 64 * 4);
  const auto small = resize_and_crop(slope.pixels.data(), 64, 64, 16);
  // Output pixel x covers inputs 4x .. 4x + 3, whose mean is 16x + 6.
  for (int x = 2; x < 14; ++x) EXPECT_NEAR(small[x * 3], 16 * x + 6, 0.5) << x;
}

TEST(Floats, AreTheBytesAndBack) {
  for (int byte = 0; byte < 256; ++byte)
    EXPECT_EQ(byte_from_float(float_from_byte(static_cast<std::uint8_t>(byte))), byte);
}

TEST(Floats, BeyondTheRangeAreClamped) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> pixels = {-7, -1, 0, 1, 7, nan, 0.999f, 1e30f, -1e30f, 0, 0, 0};
  const auto image = image_from_floats(pixels.data(), 2);
  const std::vector<std::uint8_t> expected = {0, 0, 128, 255, 255, 0, 255, 255, 0, 128, 128, 128};
  EXPECT_EQ(image.pixels, expected);
}

TEST(Grid, PlacesImagesRowByRow) {
  const std::vector<Image> images = {plain_image(2, 2, 1, 1, 1), plain_image(2, 2, 2, 2, 2),
                                     plain_image(2, 2, 3, 3, 3)};
  const auto grid = image_grid(images, 2, 1);
  ASSERT_EQ(grid.width, 7);
  ASSERT_EQ(grid.height, 7);
  const auto at = [&](int x, int y) { return static_cast<int>(grid.pixels[(y * 7 + x) * 3]); };
  EXPECT_EQ(at(0, 0), 255);
  EXPECT_EQ(at(1, 1), 1);
  EXPECT_EQ(at(3, 1), 255);
  EXPECT_EQ(at(5, 2), 2);
  EXPECT_EQ(at(2, 5), 3);
  EXPECT_EQ(at(5, 5), 255);  // the empty fourth cell
}

}  // namespace
}  // namespace tessera
