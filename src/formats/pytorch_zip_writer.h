#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// Writes a zip archive of uncompressed entries, each beginning at a multiple of 64 bytes as
/// torch.save does; ZIP64 where sizes or places ask for it.
class ZipWriter {
 public:
  /// `stream` is at its beginning.
  explicit ZipWriter(std::ostream& stream) : stream_(stream) {}
  void add(const std::string& name, std::span<const std::byte> bytes);
  /// Writes the directory; nothing is added later.
  void finish();

 private:
  struct Entry {
    std::string name;
    std::uint32_t checksum = 0;
    std::uint64_t size = 0, place = 0;
  };
  void put(const std::string& bytes);

  std::ostream& stream_;
  std::uint64_t at_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace tessera
