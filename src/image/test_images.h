// For tests only: images with odd pixel formats, made with the libraries' own writers.
#pragma once

#include <gif_lib.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
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

/// The contents of an EXIF marker.
inline std::string exif_with_orientation(int orientation) {
  std::string exif("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0_\0\0\0\0\0\0\0", 32);
  exif[24] = static_cast<char>(orientation);
  return exif;
}

inline std::string xmp_with_orientation(int orientation) {
  return "<x:xmpmeta><rdf:Description xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" "
         "tiff:Orientation=\"" +
         std::to_string(orientation) + "\"/></x:xmpmeta>";
}

inline std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
  return text;
}

/// A PNG with one more chunk, after the header or before the end.
inline std::string png_with_chunk(std::string png, const std::string& type, const std::string& data,
                                  bool after_pixels = false) {
  const auto big_endian = [](std::uint32_t value) {
    std::string text;
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift);
    return text;
  };
  const auto body = type + data;
  const auto checksum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  constexpr std::size_t kHeader = 8 + 25, kEnd = 12;
  return png.insert(after_pixels ? png.size() - kEnd : kHeader,
                    big_endian(static_cast<std::uint32_t>(data.size())) + body +
                        big_endian(static_cast<std::uint32_t>(checksum)));
}

using WebpChunk = std::pair<std::string, std::string>;  ///< type and data

/// A picture's lossless bitstream.
inline WebpChunk webp_bitstream(const Image& image) {
  std::uint8_t* memory = nullptr;
  const auto size = WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height,
                                          image.width * 3, &memory);
  const std::string bytes(reinterpret_cast<const char*>(memory), size);
  WebPFree(memory);
  constexpr std::size_t kHeader = 20;  // RIFF, size, WEBP, VP8L, size
  return {"VP8L", bytes.substr(kHeader)};
}

inline std::string webp_chunk(const WebpChunk& chunk) {
  const auto& [type, data] = chunk;
  return type + little_endian(static_cast<std::uint32_t>(data.size()), 4) + data +
         std::string(data.size() % 2, '\0');
}

/// A WebP in the extended layout, as files with metadata have it.
inline std::string webp_of_chunks(int width, int height, const std::vector<WebpChunk>& chunks) {
  constexpr std::uint32_t kAnimation = 2, kXmp = 4, kExif = 8;
  std::uint32_t flags = 0;
  std::string body;
  for (const auto& chunk : chunks) {
    flags |= chunk.first == "ANIM"   ? kAnimation
             : chunk.first == "EXIF" ? kExif
             : chunk.first == "XMP " ? kXmp
                                     : 0;
    body += webp_chunk(chunk);
  }
  const auto header = little_endian(flags, 4) +
                      little_endian(static_cast<std::uint32_t>(width - 1), 3) +
                      little_endian(static_cast<std::uint32_t>(height - 1), 3);
  body = "WEBP" + webp_chunk({"VP8X", header}) + body;
  return "RIFF" + little_endian(static_cast<std::uint32_t>(body.size()), 4) + body;
}

/// An animation whose first frame stands at (x, y), both even.
inline std::string webp_animation(int width, int height, const Image& frame, int x, int y) {
  std::string first;
  for (const int value : {x / 2, y / 2, frame.width - 1, frame.height - 1, 100})
    first += little_endian(static_cast<std::uint32_t>(value), 3);
  first += '\0' + webp_chunk(webp_bitstream(frame));
  const auto second = std::string(12, '\0') + little_endian(100, 3) + '\0' +
                      webp_chunk(webp_bitstream(plain_image(1, 1, 1, 2, 3)));
  return webp_of_chunks(width, height,
                        {{"ANIM", std::string(6, '\0')}, {"ANMF", first}, {"ANMF", second}});
}

struct GifFormat {
  bool interlaced = false;
  int transparent = NO_TRANSPARENT_COLOR;
  int left = 0, top = 0;                    ///< of the frame
  int screen_width = 0, screen_height = 0;  ///< 0: the frame's
};

/// A GIF of palette indices; its four colours are black, red, green and blue.
inline std::string encode_gif(int width, int height, const std::vector<GifPixelType>& indices,
                              const GifFormat& format = {}) {
  std::string bytes;
  int error = 0;
  GifFileType* gif = EGifOpen(
      &bytes,
      [](GifFileType* file, const GifByteType* data, int count) {
        static_cast<std::string*>(file->UserData)
            ->append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count));
        return count;
      },
      &error);
  EGifSetGifVersion(gif, true);
  const GifColorType colours[] = {{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
  ColorMapObject* palette = GifMakeMapObject(4, colours);
  EGifPutScreenDesc(gif, format.screen_width ? format.screen_width : format.left + width,
                    format.screen_height ? format.screen_height : format.top + height, 2, 0,
                    palette);
  GraphicsControlBlock control{};
  control.TransparentColor = format.transparent;
  GifByteType extension[4];
  EGifGCBToExtension(&control, extension);
  EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof extension, extension);
  EGifPutImageDesc(gif, format.left, format.top, width, height, format.interlaced, nullptr);
  std::vector<int> rows;
  if (format.interlaced) {
    for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}})
      for (int y = first; y < height; y += step) rows.push_back(y);
  } else {
    for (int y = 0; y < height; ++y) rows.push_back(y);
  }
  for (const int y : rows)
    EGifPutLine(gif, const_cast<GifPixelType*>(&indices[static_cast<std::size_t>(y * width)]),
                width);
  EGifCloseFile(gif, &error);
  GifFreeMapObject(palette);
  return bytes;
}

/// Rows of blue, green and red from the bottom, each filled up to four bytes, as a BMP of 24 bits
/// has them.
inline std::string bmp_rows(const Image& image) {
  std::string rows;
  for (int y = image.height - 1; y >= 0; --y) {
    for (int x = 0; x < image.width; ++x)
      for (const int c : {2, 1, 0})
        rows += static_cast<char>(
            image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + c)]);
    rows.resize((rows.size() + 3) / 4 * 4);
  }
  return rows;
}

/// A BMP of the commonest header, 40 bytes; `height` below 0 is from the top. The palette's colour
/// i is (i, 2 i, 3 i). `masks` follow the header where there are any.
inline std::string encode_bmp(int width, int height, int bits, const std::string& rows,
                              int colours = 0, const std::vector<std::uint32_t>& masks = {}) {
  std::string extra;
  for (const auto mask : masks) extra += little_endian(mask, 4);
  for (int i = 0; i < colours; ++i)
    for (const int value : {3 * i, 2 * i, i, 0}) extra += static_cast<char>(value);
  const auto compression = masks.empty() ? 0u : masks.size() == 4 ? 6u : 3u;
  const auto begin = static_cast<std::uint32_t>(54 + extra.size());
  return "BM" + little_endian(begin + static_cast<std::uint32_t>(rows.size()), 4) +
         little_endian(0, 4) + little_endian(begin, 4) + little_endian(40, 4) +
         little_endian(static_cast<std::uint32_t>(width), 4) +
         little_endian(static_cast<std::uint32_t>(height), 4) + little_endian(1, 2) +
         little_endian(static_cast<std::uint32_t>(bits), 2) + little_endian(compression, 4) +
         little_endian(static_cast<std::uint32_t>(rows.size()), 4) + little_endian(2835, 4) +
         little_endian(2835, 4) + little_endian(static_cast<std::uint32_t>(colours), 4) +
         little_endian(0, 4) + extra + rows;
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
