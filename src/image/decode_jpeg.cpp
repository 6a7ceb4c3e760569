#include <libexif/exif-data.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

// clang-format off: jpeglib.h includes nothing that it needs, and jerror.h needs it.
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "base/error.h"
#include "image/decoders.h"
#include "image/row_collector.h"

namespace tessera {
namespace {

// A progressive JPEG may hold any number of scans, each of which costs a pass over the image.
constexpr int kMostScans = 500;
constexpr long kMostMemory = 1l << 30;

// As in decode_png.cpp: what owns memory lives here, because libjpeg reports errors by longjmp.
struct JpegReading {
  JpegReading() {
    jpeg.err = jpeg_std_error(&errors);
    jpeg.client_data = this;
  }
  ~JpegReading() { jpeg_destroy_decompress(&jpeg); }
  JpegReading(const JpegReading&) = delete;
  JpegReading& operator=(const JpegReading&) = delete;

  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  char problem[JMSG_LENGTH_MAX] = "";
  std::vector<std::uint8_t> row;  // as libjpeg gives it, then as RGB
  std::optional<RowCollector> rows;
};

JpegReading& reading_of(j_common_ptr jpeg) { return *static_cast<JpegReading*>(jpeg->client_data); }

[[noreturn]] void keep_error(j_common_ptr jpeg) {
  auto& reading = reading_of(jpeg);
  jpeg->err->format_message(jpeg, reading.problem);
  std::longjmp(reading.jump, 1);
}

// libjpeg paints what is missing grey and only warns; for us such an image is corrupt.
void judge_warning(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  const int code = jpeg->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
      code == JWRN_MUST_RESYNC)
    keep_error(jpeg);
}

void say_nothing(j_common_ptr) {}

void limit_scans(j_common_ptr jpeg) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(jpeg);
  if (!jpeg->is_decompressor || decompress->input_scan_number <= kMostScans) return;
  auto& reading = reading_of(jpeg);
  std::snprintf(reading.problem, sizeof reading.problem, "it has more than %d scans", kMostScans);
  std::longjmp(reading.jump, 1);
}

bool read_header(JpegReading& reading, std::string_view bytes) {
  if (setjmp(reading.jump)) return false;
  auto& jpeg = reading.jpeg;
  reading.errors.error_exit = keep_error;
  reading.errors.emit_message = judge_warning;
  reading.errors.output_message = say_nothing;
  jpeg_create_decompress(&jpeg);
  reading.progress.progress_monitor = limit_scans;
  jpeg.progress = &reading.progress;
  jpeg.mem->max_memory_to_use = kMostMemory;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg, TRUE);
  const bool four = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
  jpeg.out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&jpeg);
  return true;
}

// Ink to light, in place. Adobe stores ink inverted; the plain definition is the complement.
void rgb_from_cmyk(std::uint8_t* row, std::size_t width, bool inverted) {
  for (std::size_t x = 0; x < width; ++x) {
    const auto light = [&](int c) { return inverted ? row[x * 4 + c] : 255 - row[x * 4 + c]; };
    const int key = light(3);
    for (int c = 0; c < 3; ++c)
      row[x * 3 + c] = static_cast<std::uint8_t>((light(c) * key + 127) / 255);
  }
}

bool read_rows(JpegReading& reading) {
  if (setjmp(reading.jump)) return false;
  auto& jpeg = reading.jpeg;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = reading.row.data();
    jpeg_read_scanlines(&jpeg, &row, 1);
    if (jpeg.out_color_space == JCS_CMYK)
      rgb_from_cmyk(row, jpeg.output_width, jpeg.saw_Adobe_marker);
    reading.rows->add(row);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

int exif_orientation(const jpeg_decompress_struct& jpeg) {
  for (auto* marker = jpeg.marker_list; marker; marker = marker->next) {
    if (marker->data_length < 6 || std::memcmp(marker->data, "Exif\0\0", 6) != 0) continue;
    const std::unique_ptr<ExifData, decltype(&exif_data_unref)> exif(
        exif_data_new_from_data(marker->data, marker->data_length), &exif_data_unref);
    if (!exif) continue;
    const auto* entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
      return exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  }
  return 1;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& name) {
  JpegReading reading;
  const auto refuse = [&] {
    throw FileError(name, std::string("corrupt JPEG: ") + reading.problem);
  };
  if (!read_header(reading, bytes)) refuse();
  const auto& jpeg = reading.jpeg;
  reading.rows.emplace(static_cast<int>(jpeg.image_width), static_cast<int>(jpeg.image_height),
                       name);
  reading.row.resize(static_cast<std::size_t>(jpeg.output_width) * jpeg.output_components);
  const int orientation = exif_orientation(jpeg);  // reading the last row frees the markers
  if (!read_rows(reading)) refuse();
  return apply_orientation(reading.rows->take(), orientation);
}

Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  Image turned{
      transposed ? image.height : image.width, transposed ? image.width : image.height, {}};
  turned.pixels.resize(image.pixels.size());
  // Stored row 0 is the visual bottom in 3, 4, 7, 8 (after the transposition), column 0 the right
  // in 2, 3, 6, 7.
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  auto* target = turned.pixels.data();
  for (int y = 0; y < turned.height; ++y)
    for (int x = 0; x < turned.width; ++x, target += 3) {
      int from_x = flip_x ? turned.width - 1 - x : x;
      int from_y = flip_y ? turned.height - 1 - y : y;
      if (transposed) std::swap(from_x, from_y);
      std::memcpy(target,
                  &image.pixels[(static_cast<std::size_t>(from_y) * image.width + from_x) * 3], 3);
    }
  return turned;
}

}  // namespace tessera
