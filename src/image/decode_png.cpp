#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"
#include "image/decoders.h"
#include "image/orientation.h"
#include "image/png_chunks.h"
#include "image/row_collector.h"

namespace tessera {
namespace {

// libpng reports errors by longjmp, which must not skip destructors: everything that owns memory
// lives in this struct, and the functions that call setjmp have no such locals.
struct PngReading {
  PngReading(std::string_view bytes_to_read, std::string_view end)
      : bytes(bytes_to_read), missing_end(end) {}
  ~PngReading() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReading(const PngReading&) = delete;
  PngReading& operator=(const PngReading&) = delete;

  // Lays a row of RGBA on white.
  void add_row(const png_byte* pixel) {
    for (std::size_t x = 0; x < width; ++x, pixel += 4) lay_on_white(pixel, &rgb[x * 3]);
    rows->add(rgb.data());
  }

  std::string_view bytes, missing_end;  // not read yet
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

constexpr png_byte kChunksNotRead[] = "eXIf\0tEXt\0zTXt\0iTXt\0iCCP\0sPLT\0hIST\0pCAL\0sCAL";

void ignore_warning(png_structp, const char*) {}

void give_bytes(png_structp png, png_bytep target, std::size_t count) {
  auto* reading = static_cast<PngReading*>(png_get_io_ptr(png));
  const std::size_t here = std::min(count, reading->bytes.size());
  if (count - here > reading->missing_end.size()) png_error(png, "the file ends too early");
  std::copy_n(reading->bytes.begin(), here, target);
  std::copy_n(reading->missing_end.begin(), count - here, target + here);
  reading->bytes.remove_prefix(here);
  reading->missing_end.remove_prefix(count - here);
}

bool read_header(PngReading& reading) {
  if (setjmp(png_jmpbuf(reading.png))) return false;
  // RowCollector has limits of its own and says which.
  png_set_user_limits(reading.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // What is not about pixels could only cost memory; png_chunks.h reads what is needed.
  png_set_keep_unknown_chunks(reading.png, PNG_HANDLE_CHUNK_NEVER, kChunksNotRead,
                              sizeof kChunksNotRead / 5);
  png_set_read_fn(reading.png, &reading, give_bytes);
  png_read_info(reading.png, reading.info);
  reading.width = png_get_image_width(reading.png, reading.info);
  reading.height = png_get_image_height(reading.png, reading.info);
  return true;
}

bool choose_pixels(PngReading& reading) {
  if (setjmp(png_jmpbuf(reading.png))) return false;
  png_set_expand(reading.png);  // palette, 1 to 4 bits and tRNS
  png_set_scale_16(reading.png);
  png_set_gray_to_rgb(reading.png);
  png_set_add_alpha(reading.png, 0xff, PNG_FILLER_AFTER);
  reading.passes = png_set_interlace_handling(reading.png);
  png_read_update_info(reading.png, reading.info);
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

Image decode_png(std::string_view bytes, const std::string& name, DecodeNotes& notes) {
  const auto chunks = scan_png_chunks(bytes);
  PngReading reading(bytes, chunks.missing_end);
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, keep_error, ignore_warning);
  if (reading.png) reading.info = png_create_info_struct(reading.png);
  if (!reading.info) throw std::bad_alloc();
  const auto refuse = [&] {
    throw FileError(name, std::string("corrupt PNG: ") + reading.problem);
  };
  if (!read_header(reading)) refuse();
  const auto side = [](std::size_t pixels) {
    return static_cast<int>(std::min<std::size_t>(pixels, std::numeric_limits<int>::max()));
  };
  reading.rows.emplace(side(reading.width), side(reading.height), name);
  if (!choose_pixels(reading)) refuse();
  if (reading.passes > 1)
    require_whole_in_memory(static_cast<int>(reading.width), static_cast<int>(reading.height),
                            "an interlaced PNG", name);
  reading.rgba.resize(reading.width * 4 * (reading.passes > 1 ? reading.height : 1));
  reading.rgb.resize(reading.width * 3);
  if (!read_rows(reading)) refuse();
  notes.end_mark_missing = !chunks.missing_end.empty();
  return apply_orientation(reading.rows->take(), chunks.orientation);
}

}  // namespace tessera
