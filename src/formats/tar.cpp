#include "formats/tar.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "formats/archive_reader.h"

namespace tessera {

class TarFile::Descriptor {
 public:
  explicit Descriptor(const fs::path& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) throw FileError(path, "cannot be read");
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  // True when all of `bytes` could be filled from `offset` on.
  bool fill(std::string& bytes, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto count = ::pread(number_, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      done += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int number_;
};

namespace {

[[noreturn]] void refuse_truncated(const fs::path& path, std::size_t whole) {
  throw FileError(path, "is truncated or damaged after " + std::to_string(whole) + " whole files");
}

// libarchive walks the headers; it has consumed exactly the header when it hands out an entry.
std::vector<TarEntry> index_entries(archive* tar, const fs::path& path, std::uint64_t file_size) {
  std::vector<TarEntry> entries;
  archive_entry* entry = nullptr;
  int status;
  while ((status = archive_read_next_header(tar, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
    if (archive_filter_code(tar, 0) != ARCHIVE_FILTER_NONE)
      throw FileError(path, "is compressed, expected a plain tar (images are compressed already)");
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) continue;
    const char* name = archive_entry_pathname(entry);
    const auto offset = static_cast<std::uint64_t>(archive_filter_bytes(tar, 0));
    const auto size = archive_entry_size(entry);
    if (size < 0 || offset > file_size || static_cast<std::uint64_t>(size) > file_size - offset)
      refuse_truncated(path, entries.size());
    if (!name || archive_entry_sparse_count(entry) > 0) continue;
    entries.push_back({name, offset, static_cast<std::uint64_t>(size)});
  }
  if (status != ARCHIVE_EOF && entries.empty())
    throw FileError(path, "is not a tar: " + archive_problem(tar));
  if (status != ARCHIVE_EOF) refuse_truncated(path, entries.size());
  return entries;
}

}  // namespace

TarFile::TarFile(const fs::path& path) : path_(path) {
  const Archive tar(archive_read_new(), &archive_read_free);
  archive_read_support_format_tar(tar.get());
  archive_read_support_filter_all(tar.get());
  open_archive(tar.get(), path);
  const auto file_size = fs::file_size(path);
  entries_ = index_entries(tar.get(), path, file_size);
  descriptor_ = std::make_shared<const Descriptor>(path);
  // Two blocks of zeros end a tar; without them nobody could tell that it was cut between two
  // files.
  std::string end(1024, '\1');
  if (file_size < end.size() || !descriptor_->fill(end, file_size - end.size()) ||
      std::ranges::any_of(end, [](char byte) { return byte != 0; }))
    refuse_truncated(path, entries_.size());
}

std::string TarFile::read(const TarEntry& entry) const {
  std::string bytes(entry.size, '\0');
  if (!descriptor_->fill(bytes, entry.offset))
    throw FileError(path_.string() + ":" + entry.name, "cannot be read");
  return bytes;
}

}  // namespace tessera
