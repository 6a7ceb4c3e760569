#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "dataset/image_set.h"

namespace tessera {

/// Reads images as bytes [side, side, 3] and keeps as many as its budget holds; used from several
/// threads at once.
class PixelCache {
 public:
  /// `budget` in bytes.
  PixelCache(const ImageSet& images, int side, std::size_t budget);

  /// The image's bytes, in the cache or in `scratch`; empty when the image is corrupt, which is
  /// then counted once.
  std::span<const std::uint8_t> read(std::size_t index, std::vector<std::uint8_t>& scratch);
  std::size_t corrupt_images() const { return corrupt_images_; }

 private:
  enum class State : std::uint8_t { unread, kept, corrupt };
  void decode(std::size_t index, std::vector<std::uint8_t>& bytes) const;
  void mark_corrupt(std::size_t index, const std::string& reason);

  const ImageSet& images_;
  int side_;
  std::size_t images_to_keep_;
  std::vector<std::atomic<State>>
      states_;  // an image's bytes are set before its state becomes kept
  std::vector<std::vector<std::uint8_t>> kept_;
  std::mutex mutex_;  // guards writing to the two above and the next
  std::size_t kept_images_ = 0;
  std::atomic<std::size_t> corrupt_images_ = 0;
};

}  // namespace tessera
