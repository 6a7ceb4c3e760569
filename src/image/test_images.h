// For tests only: images with odd pixel formats, made with the libraries' own writers.
#pragma once

#include <jpeglib.h>
#include <png.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"
#include "image/image.h"

namespace tessera {

inline Image random_image(int width, int height, std::uint64_t seed) {
  Image image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * height * 3);
  Rng rng(seed);
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

inline Image plain_image(int width, int height, std::uint8_t red, std::uint8_t green,
                         std::uint8_t blue) {
  Image image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * height * 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = i % 3 == 0 ? red : i % 3 == 1 ? green : blue;
  return image;
}

struct PngFormat {
  int colour_type = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<png_byte> palette_alpha = {};
};

/// A PNG whose rows are the bytes given, laid out as the format says.
inline std::string png_of_rows(int width, std::vector<std::vector<png_byte>> rows,
                               PngFormat format) {
  std::string bytes;
  png_structp png = png_create_write_struct(
      PNG_LIBPNG_VER_STRING, nullptr, [](png_structp, const char*) { std::abort(); }, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp writer, png_bytep data, std::size_t count) {
        static_cast<std::string*>(png_get_io_ptr(writer))
            ->append(reinterpret_cast<const char*>(data), count);
      },
      nullptr);
  png_set_IHDR(png, info, width, static_cast<png_uint_32>(rows.size()), format.depth,
               format.colour_type, format.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!format.palette.empty())
    png_set_PLTE(png, info, format.palette.data(), static_cast<int>(format.palette.size()));
  if (!format.palette_alpha.empty())
    png_set_tRNS(png, info, format.palette_alpha.data(),
                 static_cast<int>(format.palette_alpha.size()), nullptr);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

struct JpegFormat {
  J_COLOR_SPACE input = JCS_RGB;  ///< of the pixels given
  J_COLOR_SPACE stored = JCS_YCbCr;
  bool adobe_marker = false;
  bool progressive = false;
  std::string exif = {};  ///< contents of an APP1 marker
};

/// A JPEG of the best quality without chroma subsampling; `pixels` as many channels as
/// `format.input` has.
inline std::string jpeg_of_pixels(int width, int height, const std::vector<std::uint8_t>& pixels,
                                  const JpegFormat& format) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.input_components = static_cast<int>(pixels.size()) / (width * height);
  jpeg.in_color_space = format.input;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, format.stored);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (format.progressive) jpeg_simple_progression(&jpeg);
  for (int i = 0; i < jpeg.num_components; ++i)
    jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
  jpeg.write_Adobe_marker = format.adobe_marker;
  jpeg_start_compress(&jpeg, TRUE);
  if (!format.exif.empty())
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(format.exif.data()),
                      static_cast<unsigned>(format.exif.size()));
  for (int y = 0; y < height; ++y) {
    auto* row =
        const_cast<JSAMPROW>(&pixels[static_cast<std::size_t>(y) * width * jpeg.input_components]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string bytes(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return bytes;
}

inline std::string encode_jpeg(const Image& image, const JpegFormat& format = {}) {
  return jpeg_of_pixels(image.width, image.height, image.pixels, format);
}

/// A few bytes changed, cut off or put in.
inline std::string mutated(std::string bytes, Rng& rng) {
  for (auto changes = rng.below(8) + 1; changes > 0 && !bytes.empty(); --changes) {
    const auto place = rng.below(bytes.size());
    const auto byte = static_cast<char>(rng.below(256));
    switch (rng.below(8)) {
      case 0:
        bytes.resize(place);
        break;
      case 1:
        bytes.insert(place, 1, byte);
        break;
      case 2:
        bytes.erase(place, 1 + rng.below(16));
        break;
      default:
        bytes[place] = byte;
    }
  }
  return bytes;
}

}  // namespace tessera
