#pragma once

#include "image/image.h"

namespace tessera {

// Each decodes bytes that begin like its kind; see decode_image.
Image decode_png(std::string_view bytes, const std::string& name, DecodeNotes& notes);
Image decode_jpeg(std::string_view bytes, const std::string& name, DecodeNotes& notes);
Image decode_webp(std::string_view bytes, const std::string& name);  ///< an animation's first frame
Image decode_gif(std::string_view bytes, const std::string& name);   ///< the first frame
Image decode_bmp(std::string_view bytes, const std::string& name);   ///< run-length coding excepted

/// Whether the bytes begin like an AVIF file; false in a build without libavif.
bool begins_like_avif(std::string_view bytes);
Image decode_avif(std::string_view bytes, const std::string& name);

/// Throws FileError when an image that must be decoded whole, before it could be averaged down, has
/// more than kWholePixels; `kind` is "an interlaced PNG".
void require_whole_in_memory(int width, int height, const char* kind, const std::string& name);

/// A pixel of RGBA laid on white: `rgb` is three bytes.
void lay_on_white(const std::uint8_t* rgba, std::uint8_t* rgb);

}  // namespace tessera
