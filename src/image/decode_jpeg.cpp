#include <csetjmp>
#include <cstdio>
#include <optional>

// clang-format off: jpeglib.h includes nothing that it needs, and jerror.h needs it.
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "base/error.h"
#include "image/decoders.h"
#include "image/orientation.h"
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
  bool in_pixels = false;         // beyond the header
  bool end_mark_missing = false;  // the bytes ended before EOI did
  std::vector<std::uint8_t> row;  // as libjpeg gives it, then as RGB
  std::optional<RowCollector> rows;
};

JpegReading& reading_of(j_common_ptr jpeg) { return *static_cast<JpegReading*>(jpeg->client_data); }

[[noreturn]] void keep_error(j_common_ptr jpeg) {
  auto& reading = reading_of(jpeg);
  jpeg->err->format_message(jpeg, reading.problem);
  std::longjmp(reading.jump, 1);
}

// libjpeg paints what is missing grey and only warns; for us such an image is corrupt. At the end
// of the bytes it goes on with an end mark of its own making: JWRN_HIT_MARKER follows if Huffman
// codes are still missing. The arithmetic decoder reads zeros instead and says nothing.
void judge_warning(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  auto& reading = reading_of(jpeg);
  const int code = jpeg->err->msg_code;
  if (code == JWRN_JPEG_EOF && reading.in_pixels && !reading.jpeg.arith_code)
    reading.end_mark_missing = true;
  else if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
           code == JWRN_MUST_RESYNC)
    keep_error(jpeg);
}

// Whether the scans read so far hold every bit of every coefficient. Only a progressive image says
// so; in a sequential one, a single scan holds all.
bool all_scans_read(jpeg_decompress_struct& jpeg) {
  if (!jpeg.progressive_mode) return !jpeg_has_multiple_scans(&jpeg);
  for (int component = 0; component < jpeg.num_components; ++component)
    for (int coefficient = 0; coefficient < DCTSIZE2; ++coefficient)
      if (jpeg.coef_bits[component][coefficient] != 0) return false;
  return true;
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
  reading.in_pixels = true;
  jpeg_start_decompress(&jpeg);
  if (reading.end_mark_missing && !all_scans_read(jpeg)) {
    std::snprintf(reading.problem, sizeof reading.problem, "the file ends too early");
    return false;
  }
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

// EXIF says how the image is to be looked at; where it does not, XMP may.
int orientation_of(const jpeg_decompress_struct& jpeg) {
  int exif = 0, xmp = 0;
  for (const auto* marker = jpeg.marker_list; marker; marker = marker->next) {
    const std::string_view bytes(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (exif == 0 && bytes.starts_with("Exif")) exif = exif_orientation(bytes);
    if (xmp == 0 && bytes.starts_with(kXmpMarker)) xmp = xmp_orientation(bytes);
  }
  return exif != 0 ? exif : xmp;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& name, DecodeNotes& notes) {
  JpegReading reading;
  const auto refuse = [&] {
    throw FileError(name, std::string("corrupt JPEG: ") + reading.problem);
  };
  if (!read_header(reading, bytes)) refuse();
  const auto& jpeg = reading.jpeg;
  reading.rows.emplace(static_cast<int>(jpeg.image_width), static_cast<int>(jpeg.image_height),
                       name);
  reading.row.resize(static_cast<std::size_t>(jpeg.output_width) * jpeg.output_components);
  const int orientation = orientation_of(jpeg);  // reading the last row frees the markers
  if (!read_rows(reading)) refuse();
  notes.end_mark_missing = reading.end_mark_missing;
  return apply_orientation(reading.rows->take(), orientation);
}

}  // namespace tessera
