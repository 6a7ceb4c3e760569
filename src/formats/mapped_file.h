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

/// Tells the system that these mapped bytes will not be read again soon, so that a file read once
/// from end to end does not fill the memory. Reading them again is right, but slow.
void forget_pages(std::span<const std::byte> mapped);

}  // namespace tessera
