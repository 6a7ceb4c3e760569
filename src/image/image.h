// image/ reads untrusted PNG, JPEG, WebP, GIF, BMP and AVIF into 8-bit RGB, resizes, and writes
// PNG.
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

/// What a decoder noticed in an image that it could read.
struct DecodeNotes {
  bool end_mark_missing = false;  ///< JPEG's EOI or PNG's IEND; every pixel is there
};

/// Decodes an image of a kind in image_kinds(), told apart by its first bytes: grey, palette, 16
/// bit and CMYK become 8-bit RGB, transparency is laid on white, orientation (EXIF, else XMP) is
/// applied; of an animation the first frame is taken. Throws FileError naming `name` when anything
/// but the end mark is wrong or missing.
Image decode_image(std::string_view bytes, const std::string& name, DecodeNotes* notes = nullptr);

/// "PNG, JPEG, WebP, GIF or BMP", with AVIF where this build reads it.
std::string image_kinds();

/// Whether a file's name ends like an image that decode_image reads, in any case.
bool has_image_extension(std::string_view name);

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
