#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace tessera {

/// Memory that begins at a multiple of 64 bytes, as kernels want it. Not initialised. Large buffers
/// ask for huge pages: a matrix is read from end to end at every step, and a small page is a stop
/// for the processor's prefetching.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes);

  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data(), size_}; }

  static constexpr std::size_t kAlignment = 64;
  /// The smallest multiple of the alignment that holds so many bytes, and at least one.
  static std::size_t rounded_up(std::size_t bytes) {
    return bytes == 0 ? kAlignment : (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_ = 0;
};

/// The same for `count` numbers.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t count) : buffer_(count * sizeof(T)), count_(count) {}

  T* data() { return reinterpret_cast<T*>(buffer_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(buffer_.data()); }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t index) { return data()[index]; }
  const T& operator[](std::size_t index) const { return data()[index]; }

 private:
  AlignedBuffer buffer_;
  std::size_t count_ = 0;
};

}  // namespace tessera
