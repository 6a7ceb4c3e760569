#pragma once

#include <string_view>

#include "image/image.h"

namespace tessera {

/// EXIF's orientation, 1 to 8, from its TIFF structure, with or without "Exif\0\0" before it; 0
/// where there is none.
int exif_orientation(std::string_view exif);

/// tiff:Orientation of an XMP packet, 1 to 8; 0 where there is none.
int xmp_orientation(std::string_view xmp);

/// What precedes an XMP packet in an APP1 marker.
constexpr std::string_view kXmpMarker{"http://ns.adobe.com/xap/1.0/\0", 29};

/// The image as it is to be looked at, given its orientation 1 to 8 (anything else is 1).
Image apply_orientation(Image image, int orientation);

}  // namespace tessera
