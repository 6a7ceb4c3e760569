#include <gmock/gmock.h>

#include <array>
#include <map>

#include "base/error.h"
#include "image/row_collector.h"
#include "image/test_images.h"

namespace tessera {
namespace {

using Pixel = std::array<int, 3>;

Pixel pixel(const Image& image, int x, int y) {
  const auto* values = &image.pixels[(static_cast<std::size_t>(y) * image.width + x) * 3];
  return {values[0], values[1], values[2]};
}

// The best JPEG quality still rounds twice: the colour transform and the cosine transform.
constexpr int kJpegRounding = 3;

void expect_near(const Pixel& found, const Pixel& expected) {
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(found[c], expected[c], kJpegRounding);
}

TEST(Png, KeepsEveryPixelThereAndBack) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {28, 28}, {257, 3}}) {
    const auto image = random_image(width, height, 1);
    EXPECT_EQ(decode_image(encode_png(image), "there-and-back"), image);
  }
}

TEST(Png, GreyBecomesThreeEqualChannels) {
  const auto bytes = png_of_rows(3, {{0, 100, 255}}, {.colour_type = PNG_COLOR_TYPE_GRAY});
  EXPECT_THAT(decode_image(bytes, "grey").pixels,
              testing::ElementsAre(0, 0, 0, 100, 100, 100, 255, 255, 255));
}

TEST(Png, OneBitGreyIsBlackAndWhite) {
  const auto bytes = png_of_rows(2, {{0b01000000}}, {PNG_COLOR_TYPE_GRAY, 1});
  EXPECT_THAT(decode_image(bytes, "one-bit").pixels, testing::ElementsAre(0, 0, 0, 255, 255, 255));
}

TEST(Png, SixteenBitsAreScaledToEight) {
  const auto bytes =
      png_of_rows(1, {{0xff, 0xff, 0x80, 0x80, 0x01, 0x01}}, {PNG_COLOR_TYPE_RGB, 16});
  EXPECT_THAT(decode_image(bytes, "sixteen").pixels, testing::ElementsAre(255, 0x80, 0x01));
}

TEST(Png, TransparencyIsLaidOnWhite) {
  const auto bytes = png_of_rows(3, {{10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51}},
                                 {PNG_COLOR_TYPE_RGB_ALPHA});
  // 51 is a fifth: 0 -> 204, 100 -> 224, 255 -> 255.
  EXPECT_THAT(decode_image(bytes, "alpha").pixels,
              testing::ElementsAre(10, 20, 30, 255, 255, 255, 204, 224, 255));
}

TEST(Png, PaletteMayBeTransparent) {
  const auto bytes = png_of_rows(3, {{0, 1, 2}},
                                 {.colour_type = PNG_COLOR_TYPE_PALETTE,
                                  .palette = {{1, 2, 3}, {9, 8, 7}, {200, 100, 50}},
                                  .palette_alpha = {255, 0}});
  EXPECT_THAT(decode_image(bytes, "palette").pixels,
              testing::ElementsAre(1, 2, 3, 255, 255, 255, 200, 100, 50));
}

TEST(Png, InterlacingChangesNothing) {
  const auto image = random_image(13, 9, 2);
  std::vector<std::vector<png_byte>> rows;
  for (int y = 0; y < 9; ++y)
    rows.emplace_back(image.pixels.begin() + y * 39, image.pixels.begin() + (y + 1) * 39);
  EXPECT_EQ(decode_image(png_of_rows(13, rows, {.interlaced = true}), "interlaced"), image);
}

TEST(Png, OnlyTheEndMarkMayBeMissing) {
  const auto image = random_image(9, 9, 3);
  const auto bytes = encode_png(image);
  constexpr std::size_t kEndMark = 12;  // the chunk IEND
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    DecodeNotes notes;
    if (size + kEndMark < bytes.size()) {
      EXPECT_THROW(decode_image(bytes.substr(0, size), "cut", &notes), FileError) << size;
    } else {
      EXPECT_EQ(decode_image(bytes.substr(0, size), "cut", &notes), image) << size;
      EXPECT_EQ(notes.end_mark_missing, size < bytes.size());
    }
  }
}

TEST(Png, SidesBeyondTheLimitAreNamed) {
  std::vector<png_byte> row(kMostPixelsPerSide + 1);
  EXPECT_THAT(
      [&] {
        decode_image(png_of_rows(kMostPixelsPerSide + 1, {row}, {PNG_COLOR_TYPE_GRAY}), "wide");
      },
      testing::ThrowsMessage<FileError>(
          "wide: size is 65501 x 1, expected at most 65500 a side and "
          "512 megapixels"));
}

TEST(Jpeg, ColourAndGreySurvive) {
  for (const bool progressive : {false, true}) {
    const auto colour = encode_jpeg(plain_image(17, 9, 200, 100, 50), {.progressive = progressive});
    expect_near(pixel(decode_image(colour, "colour"), 16, 8), {200, 100, 50});
  }
  const auto grey = jpeg_of_pixels(8, 8, std::vector<std::uint8_t>(64, 77),
                                   {.input = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE});
  expect_near(pixel(decode_image(grey, "grey"), 4, 4), {77, 77, 77});
}

// Cyan, magenta, yellow, black ink as shares of 255; Adobe stores 255 minus ink.
TEST(Jpeg, InksBecomeLight) {
  for (const auto stored : {JCS_CMYK, JCS_YCCK})
    for (const bool adobe : {false, true}) {
      if (stored == JCS_YCCK && !adobe) continue;  // only the Adobe marker tells YCCK from CMYK
      std::vector<std::uint8_t> pixels;
      for (int i = 0; i < 64; ++i)
        for (const int ink : {255, 51, 0, 51})
          pixels.push_back(static_cast<std::uint8_t>(adobe ? 255 - ink : ink));
      const auto bytes = jpeg_of_pixels(8, 8, pixels, {JCS_CMYK, stored, adobe});
      expect_near(pixel(decode_image(bytes, "inks"), 3, 3), {0, 204 * 204 / 255, 204});
    }
}

// EXIF 2.3, tag 0x0112: where the stored first row's first and last pixels are to be seen.
TEST(Jpeg, ExifOrientationIsApplied) {
  constexpr int kWidth = 48, kHeight = 32;
  auto image = plain_image(kWidth, kHeight, 128, 128, 128);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 16; ++x) {
      image.pixels[(y * kWidth + x) * 3 + 1] = 0;                 // first: no green
      image.pixels[(y * kWidth + kWidth - 1 - x) * 3 + 1] = 255;  // last: all green
    }
  const std::map<int, std::pair<std::string, std::string>> expected = {
      {1, {"top left", "top right"}},       {2, {"top right", "top left"}},
      {3, {"bottom right", "bottom left"}}, {4, {"bottom left", "bottom right"}},
      {5, {"top left", "bottom left"}},     {6, {"top right", "bottom right"}},
      {7, {"bottom right", "top right"}},   {8, {"bottom left", "top left"}},
      {9, {"top left", "top right"}}};
  for (const auto& [orientation, corners] : expected) {
    const auto bytes = encode_jpeg(image, {.exif = exif_with_orientation(orientation)});
    const auto seen = decode_image(bytes, "turned");
    const bool turned = orientation >= 5 && orientation <= 8;
    ASSERT_EQ(seen.width, turned ? kHeight : kWidth);
    ASSERT_EQ(seen.height, turned ? kWidth : kHeight);
    const auto at = [&](const std::string& corner) {
      return pixel(seen, corner.ends_with("right") ? seen.width - 1 : 0,
                   corner.starts_with("bottom") ? seen.height - 1 : 0);
    };
    expect_near(at(corners.first), {128, 0, 128});
    expect_near(at(corners.second), {128, 255, 128});
  }
}

// The last bits of a scan may be padding, so that a byte before the end mark may be dispensable,
// too.
TEST(Jpeg, OnlyTheEndMarkMayBeMissing) {
  for (const bool progressive : {false, true})
    for (const int width : {16, 17, 40}) {
      const auto bytes = encode_jpeg(random_image(width, 16, 4), {.progressive = progressive});
      const auto whole = decode_image(bytes, "whole");
      for (std::size_t size = 0; size < bytes.size(); ++size) try {
          DecodeNotes notes;
          EXPECT_EQ(decode_image(bytes.substr(0, size), "cut", &notes), whole) << size;
          EXPECT_TRUE(notes.end_mark_missing) << size;
          EXPECT_GE(size + 4, bytes.size());
        } catch (const FileError&) {
          EXPECT_LT(size + 2, bytes.size()) << "the end mark alone";
        }
      DecodeNotes notes;
      decode_image(bytes, "whole", &notes);
      EXPECT_FALSE(notes.end_mark_missing);
    }
}

// Half of the scans give a picture without its finer detail, and nothing says that more was meant.
TEST(Jpeg, MissingScansAreNoMissingEndMark) {
  const auto bytes = encode_jpeg(random_image(32, 32, 4), {.progressive = true});
  std::vector<std::size_t> scans;
  for (auto at = bytes.find("\xff\xda"); at != std::string::npos;
       at = bytes.find("\xff\xda", at + 1))
    scans.push_back(at);
  ASSERT_GT(scans.size(), 5u);
  for (std::size_t scan = 1; scan < scans.size(); ++scan)
    EXPECT_THROW(decode_image(bytes.substr(0, scans[scan]), "cut"), FileError) << scan;
}

TEST(Decoding, DamagedBytesNeverCrash) {
  Rng rng(5);
  const auto image = random_image(20, 20, 6);
  const std::vector<std::string> sound = {
      encode_png(image),
      encode_jpeg(image),
      encode_jpeg(image, {.progressive = true}),
      encode_jpeg(image, {.exif = exif_with_orientation(6)}),
      png_of_rows(3, {{0, 1, 2}}, {.colour_type = PNG_COLOR_TYPE_PALETTE, .palette = {{}, {}, {}}}),
      png_with_chunk(encode_png(image), "eXIf", exif_with_orientation(6).substr(6)),
      webp_of_chunks(20, 20, {webp_bitstream(image), {"EXIF", exif_with_orientation(6)}}),
      webp_animation(24, 24, image, 2, 4),
      encode_gif(3, 2, {0, 1, 2, 3, 2, 1}, {.interlaced = true}),
      encode_bmp(20, 20, 24, bmp_rows(image)),
      encode_bmp(4, 2, 4, std::string(8, '\x12'), 16)};
  int refused = 0;
  for (int i = 0; i < 4000; ++i) try {
      const auto decoded = decode_image(mutated(sound[i % sound.size()], rng), "damaged");
      EXPECT_EQ(decoded.pixels.size(),
                static_cast<std::size_t>(decoded.width) * decoded.height * 3);
    } catch (const FileError&) {
      ++refused;
    }
  EXPECT_GT(refused, 1000);
}

TEST(Decoding, NamesTheFileThatIsNoImage) {
  for (const std::string bytes :
       {"", "GIF89a", "\x89PNG", "\xff\xd8", "BM", "RIFF1234WEBP", "RIFF"})
    EXPECT_THAT([&] { decode_image(bytes, "folder/this.png"); },
                testing::ThrowsMessage<FileError>(testing::StartsWith("folder/this.png: ")));
}

TEST(Decoding, RefusesImagesBeyondTheLimits) {
  EXPECT_THROW(RowCollector(kMostPixelsPerSide + 1, 1, "wide"), FileError);
  EXPECT_THROW(RowCollector(30000, 30000, "bomb"), FileError);
}

TEST(Decoding, AveragesWhatIsTooLargeToKeep) {
  constexpr int kWidth = 20001, kHeight = 3357;  // 67 million pixels, more than kWholePixels
  RowCollector rows(kWidth, kHeight, "large");
  std::vector<std::uint8_t> row(kWidth * 3);
  for (int x = 0; x < kWidth * 3; ++x) row[x] = x / 3 % 2 ? 100 : 50;
  for (int y = 0; y < kHeight; ++y) rows.add(row.data());
  const auto image = rows.take();
  EXPECT_EQ(image.width, kWidth / 2);
  EXPECT_EQ(image.height, kHeight / 2);
  EXPECT_EQ(pixel(image, 0, 0), (Pixel{75, 75, 75}));
  EXPECT_EQ(pixel(image, image.width - 1, image.height - 1), (Pixel{75, 75, 75}));
}

}  // namespace
}  // namespace tessera
