#include "engine/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace tessera {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  const std::size_t unit = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const std::size_t whole = (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(unit, whole));
  if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (unit == kHugePage) ::madvise(memory, whole, MADV_HUGEPAGE);  // a wish; refusal is no error
#endif
  bytes_.reset(memory);
}

void AlignedBuffer::Free::operator()(std::byte* bytes) const { std::free(bytes); }

}  // namespace tessera
