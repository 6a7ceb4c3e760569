#include <png.h>

#include <csetjmp>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "image/decoders.h"
#include "image/row_collector.h"

namespace tessera {
namespace {

// libpng reports errors by longjmp, which must not skip destructors: everything that owns memory
// lives in this struct, and the functions that call setjmp have no such locals.
struct PngReading {
  explicit PngReading(std::string_view bytes_to_read) : bytes(bytes_to_read) {}
  ~PngReading() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReading(const PngReading&) = delete;
  PngReading& operator=(const PngReading&) = delete;

  // Lays a row of RGBA on white.
  void add_row(const png_byte* pixel) {
    for (std::size_t x = 0; x < width; ++x, pixel += 4)
      for (std::size_t c = 0; c < 3; ++c)
        rgb[x * 3 + c] =
            static_cast<std::uint8_t>((pixel[c] * pixel[3] + 255 * (255 - pixel[3]) + 127) / 255);
    rows->add(rgb.data());
  }

  std::string_view bytes;
  std::size_t position = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char problem[128] = "cannot be decoded";
  std::size_t width = 0, height = 0;
  int passes = 1;                 // 7 when interlaced: then all rows are kept until the last pass
  std::vector<png_byte> rgba;     // one row, or all
  std::vector<std::uint8_t> rgb;  // one row
  std::optional<RowCollector> rows;
};

[[noreturn]] void keep_error(png_structp png, const char* message) {
  auto* reading = static_cast<PngReading*>(png_get_error_ptr(png));
  std::strncpy(reading->problem, message, sizeof reading->problem - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, const char*) {}

void give_bytes(png_structp png, png_bytep target, std::size_t count) {
  auto* reading = static_cast<PngReading*>(png_get_io_ptr(png));
  if (count > reading->bytes.size() - reading->position) png_error(png, "the file ends too early");
  std::memcpy(target, reading->bytes.data() + reading->position, count);
  reading->position += count;
}

bool read_header(PngReading& reading) {
  if (setjmp(png_jmpbuf(reading.png))) return false;
  png_set_user_limits(reading.png, kMostPixelsPerSide, kMostPixelsPerSide);
  png_set_read_fn(reading.png, &reading, give_bytes);
  png_read_info(reading.png, reading.info);
  png_set_expand(reading.png);  // palette, 1 to 4 bits and tRNS
  png_set_scale_16(reading.png);
  png_set_gray_to_rgb(reading.png);
  png_set_add_alpha(reading.png, 0xff, PNG_FILLER_AFTER);
  reading.passes = png_set_interlace_handling(reading.png);
  png_read_update_info(reading.png, reading.info);
  reading.width = png_get_image_width(reading.png, reading.info);
  reading.height = png_get_image_height(reading.png, reading.info);
  if (png_get_rowbytes(reading.png, reading.info) != reading.width * 4)
    png_error(reading.png, "its pixel layout is unknown");
  return true;
}

bool read_rows(PngReading& reading) {
  if (setjmp(png_jmpbuf(reading.png))) return false;
  for (int pass = 1; pass <= reading.passes; ++pass)
    for (std::size_t y = 0; y < reading.height; ++y) {
      auto* row = reading.rgba.data() + (reading.passes > 1 ? y * reading.width * 4 : 0);
      png_read_row(reading.png, row, nullptr);
      if (pass == reading.passes) reading.add_row(row);
    }
  png_read_end(reading.png, nullptr);  // a missing end means that the file was cut
  return true;
}

}  // namespace

Image decode_png(std::string_view bytes, const std::string& name) {
  PngReading reading(bytes);
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, keep_error, ignore_warning);
  if (reading.png) reading.info = png_create_info_struct(reading.png);
  if (!reading.info) throw std::bad_alloc();
  const auto refuse = [&] {
    throw FileError(name, std::string("corrupt PNG: ") + reading.problem);
  };
  if (!read_header(reading)) refuse();
  reading.rows.emplace(static_cast<int>(reading.width), static_cast<int>(reading.height), name);
  if (reading.passes > 1 && reading.width * reading.height > kWholePixels)
    throw FileError(name,
                    "is an interlaced PNG of more than 64 megapixels, which needs too much memory");
  reading.rgba.resize(reading.width * 4 * (reading.passes > 1 ? reading.height : 1));
  reading.rgb.resize(reading.width * 3);
  if (!read_rows(reading)) refuse();
  return reading.rows->take();
}

}  // namespace tessera
