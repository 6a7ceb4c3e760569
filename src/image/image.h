// image/ reads PNG and JPEG that nobody vouches for into 8-bit RGB, resizes, and writes PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace tessera {

/// 8-bit RGB pixels, [height, width, 3], rows from the top.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
  friend bool operator==(const Image&, const Image&) = default;
};

/// An image of at most this many pixels is decoded as it is; a larger one is averaged down by the
/// least whole factor (2 or 3) while it is read, so that decoding needs bounded memory (192 MB and
/// a few rows).
constexpr std::size_t kWholePixels = std::size_t{64} << 20;
/// Beyond these an image is refused.
constexpr std::size_t kMostPixels = std::size_t{512} << 20;
constexpr int kMostPixelsPerSide = 65500;

/// Decodes PNG or JPEG, told apart by their first bytes: grey, palette, 16 bit and CMYK become
/// 8-bit RGB, transparency is laid on white, EXIF orientation is applied. Throws FileError naming
/// `name` when anything is wrong or missing.
Image decode_image(std::string_view bytes, const std::string& name);

std::string encode_png(const Image& image);
/// Written whole or not at all (see write_file).
void write_png(const fs::path& path, const Image& image);

/// The shorter side becomes `side` pixels (antialiased), then the centre square is kept; exact when
/// nothing is to scale.
Image resize_and_crop(const Image& image, int side);

/// Images row by row on white, each centred in a cell of the largest width and height, `gap` pixels
/// apart.
Image image_grid(std::span<const Image> images, int columns, int gap = 2);

/// Pixels [side, side, 3] in [-1, 1] (clamped) to 8 bits; exact inverse of float_from_byte.
Image image_from_floats(const float* pixels, int side);

/// A byte as a model sees it: 0 is -1, 255 is 1.
constexpr float float_from_byte(std::uint8_t byte) { return static_cast<float>(byte) / 127.5f - 1; }
/// The nearest byte; not-a-number is 0.
std::uint8_t byte_from_float(float value);

}  // namespace tessera
