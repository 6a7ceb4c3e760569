#include "image/orientation.h"

#include <libexif/exif-data.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace tessera {
namespace {

constexpr std::size_t kMostExif = 1 << 20;  // bytes looked at: JPEG allows 64 KB

}  // namespace

int exif_orientation(std::string_view exif) {
  constexpr std::string_view kMarker{"Exif\0\0", 6};
  if (exif.starts_with(kMarker)) exif.remove_prefix(kMarker.size());
  if (!exif.starts_with("II") && !exif.starts_with("MM")) return 0;
  std::string marked(kMarker);  // libexif takes it for JPEG's marker
  marked += exif.substr(0, kMostExif);
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(reinterpret_cast<const unsigned char*>(marked.data()),
                              static_cast<unsigned>(marked.size())),
      &exif_data_unref);
  if (!data) return 0;
  const auto* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) return 0;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 0;
}

// Either an attribute, tiff:Orientation="6", or an element, <tiff:Orientation>6</tiff:Orientation>.
int xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  constexpr std::size_t kMostSpace = 16;
  for (auto at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at + 1)) {
    const auto rest = xmp.substr(at + kName.size());
    const auto value = rest.find_first_not_of(" \t\r\n=\"'>");
    if (value == std::string_view::npos || value == 0 || value > kMostSpace) continue;
    const bool one_digit =
        value + 1 == rest.size() || rest[value + 1] < '0' || rest[value + 1] > '9';
    if (rest[value] >= '1' && rest[value] <= '8' && one_digit) return rest[value] - '0';
  }
  return 0;
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
