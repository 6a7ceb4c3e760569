#include "image/image.h"

#include <png.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "image/decoders.h"
#include "image/resize.h"
#include "image/row_collector.h"

namespace tessera {
namespace {

#ifdef TESSERA_AVIF
constexpr bool kReadsAvif = true;
#else
constexpr bool kReadsAvif = false;
#endif

}  // namespace

Image decode_image(std::string_view bytes, const std::string& name, DecodeNotes* notes) {
  using namespace std::string_view_literals;
  DecodeNotes unused;
  auto& noted = notes ? *notes : unused;
  noted = {};
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return decode_png(bytes, name, noted);
  if (bytes.starts_with("\xff\xd8\xff"sv)) return decode_jpeg(bytes, name, noted);
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv))
    return decode_webp(bytes, name);
  if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv))
    return decode_gif(bytes, name);
  if (bytes.starts_with("BM"sv)) return decode_bmp(bytes, name);
  if (begins_like_avif(bytes)) return decode_avif(bytes, name);
  throw FileError(name, bytes.empty() ? "is empty, expected " + image_kinds()
                                      : "is not " + image_kinds() + ", by its first bytes");
}

std::string image_kinds() {
  return kReadsAvif ? "PNG, JPEG, WebP, GIF, BMP or AVIF" : "PNG, JPEG, WebP, GIF or BMP";
}

bool has_image_extension(std::string_view name) {
  constexpr std::string_view kExtensions[] = {".png",  ".jpg", ".jpeg", ".jpe", ".jfif",
                                              ".webp", ".gif", ".bmp",  ".dib"};
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(name.substr(dot));
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions) ||
         (kReadsAvif && extension == ".avif");
}

void require_whole_in_memory(int width, int height, const char* kind, const std::string& name) {
  check_image_size(width, height, name);
  if (static_cast<std::size_t>(width) * static_cast<std::size_t>(height) > kWholePixels)
    throw FileError(name, std::string("is ") + kind +
                              " of more than 64 megapixels, which needs too much memory");
}

void lay_on_white(const std::uint8_t* rgba, std::uint8_t* rgb) {
  for (int c = 0; c < 3; ++c)
    rgb[c] = static_cast<std::uint8_t>((rgba[c] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255);
}

std::string encode_png(const Image& image) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw Error(std::string("cannot encode a PNG: ") + header.message);
  bytes.resize(size);
  return bytes;
}

void write_png(const fs::path& path, const Image& image) { write_file(path, encode_png(image)); }

Image resize_and_crop(const Image& image, int side) {
  if (image.width == side && image.height == side) return image;
  const auto values = resize_and_crop(image.pixels.data(), image.width, image.height, side);
  Image result{side, side, std::vector<std::uint8_t>(values.size())};
  std::ranges::transform(values, result.pixels.begin(), [](float value) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0f, 255.0f)));
  });
  return result;
}

Image image_grid(std::span<const Image> images, int columns, int gap) {
  TESSERA_CHECK(!images.empty() && columns > 0 && gap >= 0);
  const auto by_width = [](const Image& a, const Image& b) { return a.width < b.width; };
  const auto by_height = [](const Image& a, const Image& b) { return a.height < b.height; };
  const int cell_width = std::ranges::max_element(images, by_width)->width;
  const int cell_height = std::ranges::max_element(images, by_height)->height;
  const int rows = (static_cast<int>(images.size()) + columns - 1) / columns;
  Image grid{columns * (cell_width + gap) + gap, rows * (cell_height + gap) + gap, {}};
  grid.pixels.assign(static_cast<std::size_t>(grid.width) * grid.height * 3, 255);
  for (int i = 0; i < static_cast<int>(images.size()); ++i) {
    const auto& image = images[i];
    const int left = gap + i % columns * (cell_width + gap) + (cell_width - image.width) / 2;
    const int top = gap + i / columns * (cell_height + gap) + (cell_height - image.height) / 2;
    for (int y = 0; y < image.height; ++y)
      std::copy_n(&image.pixels[static_cast<std::size_t>(y) * image.width * 3], image.width * 3,
                  &grid.pixels[(static_cast<std::size_t>(top + y) * grid.width + left) * 3]);
  }
  return grid;
}

std::uint8_t byte_from_float(float value) {
  const float level = 127.5f * value + 127.5f;
  return static_cast<std::uint8_t>(level > 0 ? std::min(level, 255.0f) + 0.5f : 0.0f);
}

Image image_from_floats(const float* pixels, int side) {
  Image image{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side * 3)};
  std::transform(pixels, pixels + image.pixels.size(), image.pixels.begin(), byte_from_float);
  return image;
}

}  // namespace tessera
