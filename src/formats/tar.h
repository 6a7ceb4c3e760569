#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// A regular file inside a tar.
struct TarEntry {
  std::string name;
  std::uint64_t offset = 0;  ///< of its bytes, from the start of the tar
  std::uint64_t size = 0;    ///< bytes
};

/// An uncompressed tar whose headers have been indexed: entries can be read in any order, from any
/// thread.
class TarFile {
 public:
  /// Throws FileError when it is no tar, is compressed, or is truncated (naming what is whole in
  /// it).
  explicit TarFile(const fs::path& path);

  const fs::path& path() const { return path_; }
  const std::vector<TarEntry>& entries() const { return entries_; }
  /// The bytes of an entry of this tar. Throws FileError when they cannot be read.
  std::string read(const TarEntry& entry) const;

 private:
  class Descriptor;
  fs::path path_;
  std::vector<TarEntry> entries_;
  std::shared_ptr<const Descriptor> descriptor_;
};

}  // namespace tessera
