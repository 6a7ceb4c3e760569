#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// A file inside a tar: a regular one, or a hard or symbolic link to one, with the bytes of the
/// file that it leads to.
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
  /// In the order of the tar. A link to a folder gives that folder's files under the link's name.
  const std::vector<TarEntry>& entries() const { return entries_; }
  /// The bytes of an entry of this tar. Throws FileError when they cannot be read.
  std::string read(const TarEntry& entry) const;

  /// Folders that have an entry of their own.
  const std::vector<std::string>& folders() const { return folders_; }
  /// What cannot be read: links to nothing, out of the tar or to a folder above ("b -> /nowhere"),
  /// and files stored with holes.
  const std::vector<std::string>& unread() const { return unread_; }
  /// Bytes between the first that is not zero after the end mark, and the file's end.
  std::uint64_t bytes_after_end() const { return bytes_after_end_; }

 private:
  class Descriptor;
  void index(std::uint64_t file_size);
  void check_end(std::uint64_t end, std::uint64_t file_size, std::size_t whole);

  fs::path path_;
  std::vector<TarEntry> entries_;
  std::vector<std::string> folders_, unread_;
  std::uint64_t bytes_after_end_ = 0;
  std::shared_ptr<const Descriptor> descriptor_;
};

}  // namespace tessera
