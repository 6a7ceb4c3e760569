#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace tessera {

/// Uninitialised memory that begins at a cache line, as vector loads like it. Large buffers take
/// their pages from the system when they are first written.
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;  // bytes

  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes)
      : bytes_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded_up(bytes)))),
        size_(bytes) {
    if (!bytes_) throw std::bad_alloc();
  }

  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

  /// The smallest multiple of the alignment that holds so many bytes, and at least one.
  static std::size_t rounded_up(std::size_t bytes) {
    return bytes == 0 ? kAlignment : (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace tessera
