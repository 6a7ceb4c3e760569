#include "dataset/pixel_cache.h"

#include <algorithm>

#include "base/error.h"
#include "base/progress.h"
#include "image/image.h"

namespace tessera {

PixelCache::PixelCache(const ImageSet& images, int side, std::size_t budget)
    : images_(images),
      side_(side),
      images_to_keep_(budget / (static_cast<std::size_t>(side) * side * 3)),
      states_(images.size()),
      kept_(images_to_keep_ > 0 ? images.size() : 0) {}

std::span<const std::uint8_t> PixelCache::read(std::size_t index,
                                               std::vector<std::uint8_t>& scratch) {
  const State state = states_[index].load(std::memory_order_acquire);
  if (state == State::kept) return kept_[index];
  if (state == State::corrupt) return {};
  try {
    decode(index, scratch);
  } catch (const FileError& error) {
    mark_corrupt(index, error.what());
    return {};
  }
  if (images_to_keep_ == 0) return scratch;
  const std::lock_guard lock(mutex_);
  if (states_[index] == State::unread && kept_images_ < images_to_keep_) {
    kept_[index] = scratch;
    ++kept_images_;
    states_[index].store(State::kept, std::memory_order_release);
  }
  return scratch;
}

void PixelCache::decode(std::size_t index, std::vector<std::uint8_t>& bytes) const {
  thread_local std::vector<float> pixels;
  pixels.resize(static_cast<std::size_t>(side_) * side_ * 3);
  images_.read(index, side_, pixels.data());
  bytes.resize(pixels.size());
  std::ranges::transform(pixels, bytes.begin(), byte_from_float);
}

void PixelCache::mark_corrupt(std::size_t index, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (states_[index] == State::corrupt) return;
  states_[index].store(State::corrupt, std::memory_order_release);
  if (++corrupt_images_ == 1) say("warning: " + reason + " (skipped; more are counted silently)");
}

}  // namespace tessera
