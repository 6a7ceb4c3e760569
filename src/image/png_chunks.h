#pragma once

#include <string_view>

namespace tessera {

/// What the chunks of a PNG say beside its pixels.
struct PngChunks {
  /// 1 to 8 from EXIF (chunk eXIf, or text as ImageMagick writes it), else from XMP; 0: none.
  int orientation = 0;
  /// The bytes of the IEND chunk that a file lacks which is whole otherwise; empty where nothing is
  /// missing, or more than that.
  std::string_view missing_end;
};

/// Walks over the chunks; text is decompressed up to 1 MB. Chunks that are damaged say nothing.
PngChunks scan_png_chunks(std::string_view bytes);

}  // namespace tessera
