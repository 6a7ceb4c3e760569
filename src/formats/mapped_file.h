#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace tessera {

/// A file mapped into memory, read-only. The file must not shrink while it is mapped; ours never
/// do, since write_file replaces files instead of changing them.
class MappedFile {
 public:
  /// Throws FileError if there is no such file or it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace tessera
