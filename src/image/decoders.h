#pragma once

#include "image/image.h"

namespace tessera {

/// Decodes bytes that begin like a PNG; see decode_image.
Image decode_png(std::string_view bytes, const std::string& name);
/// Decodes bytes that begin like a JPEG; see decode_image.
Image decode_jpeg(std::string_view bytes, const std::string& name);

/// The image as it is to be looked at, given EXIF's orientation 1 to 8 (anything else is 1).
Image apply_orientation(Image image, int orientation);

}  // namespace tessera
