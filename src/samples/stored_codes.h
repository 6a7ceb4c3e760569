#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// Tokens of images to be decoded.
struct StoredCodes {
  std::vector<std::int32_t> values;  ///< [images, T]
  std::int64_t images = 0;
  int rows = 0, columns = 0;         ///< of an image
  std::vector<std::int32_t> labels;  ///< [images]; empty if unknown
  std::vector<std::string> class_names;

  std::size_t tokens_per_image() const { return static_cast<std::size_t>(rows * columns); }
  std::span<const std::int32_t> image(std::int64_t index) const {
    return std::span(values).subspan(static_cast<std::size_t>(index) * tokens_per_image(),
                                     tokens_per_image());
  }
};

/// Reads a token file, every crop of an image as an image, or a .npy of whole numbers [N, T] of
/// square images. Throws FileError when there are none, one is not in the codebook, or they are
/// another tokenizer's.
StoredCodes read_stored_codes(const fs::path& path, const std::string& tokenizer_hash,
                              int codebook_size);

}  // namespace tessera
