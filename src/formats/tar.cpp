#include "formats/tar.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "formats/archive_reader.h"
#include "formats/tar_links.h"

namespace tessera {

class TarFile::Descriptor {
 public:
  explicit Descriptor(const fs::path& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) throw FileError(path, std::string("cannot be read: ") + std::strerror(errno));
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

// "gzip" -> "gunzip"
std::string decompressor(const std::string& filter) {
  for (const char* known : {"bzip2", "xz", "zstd", "lz4"})
    if (filter == known) return std::string("un") + known;
  return filter == "gzip" ? "gunzip" : "";
}

[[noreturn]] void refuse_compressed(const fs::path& path, archive* tar) {
  const char* name = archive_filter_name(tar, 0);
  const std::string filter = name ? name : "an unknown program";
  const auto tool = decompressor(filter);
  throw FileError(path, "is a tar compressed with " + filter +
                            ", expected a plain one, in which images are found in any order" +
                            (tool.empty() ? "" : "; decompress it with " + tool));
}

}  // namespace

// libarchive walks the headers; it has consumed exactly the header when it hands out an entry, and
// the end mark when there are no more.
void TarFile::index(std::uint64_t file_size) {
  constexpr std::uint64_t kBlock = 512;
  const Archive tar(archive_read_new(), &archive_read_free);
  archive_read_support_format_tar(tar.get());
  archive_read_support_filter_all(tar.get());
  open_archive(tar.get(), path_);
  std::vector<TarMember> members;
  std::size_t whole = 0;
  std::uint64_t end = 0;  // of the last entry
  archive_entry* entry = nullptr;
  int status;
  while ((status = archive_read_next_header(tar.get(), &entry)) == ARCHIVE_OK ||
         status == ARCHIVE_WARN) {
    if (archive_filter_code(tar.get(), 0) != ARCHIVE_FILTER_NONE)
      refuse_compressed(path_, tar.get());
    const char* pathname = archive_entry_pathname(entry);
    const std::string name = pathname ? pathname : "(a name that cannot be read)";
    const auto offset = static_cast<std::uint64_t>(archive_filter_bytes(tar.get(), 0));
    const auto size = archive_entry_size(entry);
    const char* hard = archive_entry_hardlink(entry);
    const char* symbolic = archive_entry_symlink(entry);
    end = offset;
    if (symbolic || (hard && size <= 0)) {
      auto& link = members.emplace_back();
      link.file.name = name;
      link.link_target = symbolic ? symbolic : hard;
      link.symbolic = symbolic != nullptr;
    } else if (archive_entry_filetype(entry) == AE_IFDIR) {
      folders_.push_back(name);
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      if (size < 0 || offset > file_size || static_cast<std::uint64_t>(size) > file_size - offset)
        refuse_truncated(path_, whole);
      const bool sparse = archive_entry_sparse_count(entry) > 0;
      if (sparse || !pathname) {
        unread_.push_back(name);
      } else {
        end = offset + (static_cast<std::uint64_t>(size) + kBlock - 1) / kBlock * kBlock;
        members.emplace_back().file = {name, offset, static_cast<std::uint64_t>(size)};
        ++whole;
      }
    }
  }
  if (status != ARCHIVE_EOF && whole == 0)
    throw FileError(path_, "is not a tar: " + archive_problem(tar.get()));
  const auto consumed = static_cast<std::uint64_t>(archive_filter_bytes(tar.get(), 0));
  if (status != ARCHIVE_EOF || consumed < end + 2 * kBlock) refuse_truncated(path_, whole);
  check_end(consumed, file_size, whole);
  entries_ = resolve_tar_links(members, path_, unread_);
}

// Two blocks of zeros end a tar; without them nobody could tell that it was cut between two files.
// More zeros only fill a record; anything else was put there later.
void TarFile::check_end(std::uint64_t end, std::uint64_t file_size, std::size_t whole) {
  std::string mark(1024, '\1');
  if (!descriptor_->fill(mark, end - mark.size()) || mark.find_first_not_of('\0') != mark.npos)
    refuse_truncated(path_, whole);
  constexpr std::uint64_t kBlock = 1 << 20;
  for (auto at = end; at < file_size; at += kBlock) {
    std::string block(std::min(kBlock, file_size - at), '\0');
    if (!descriptor_->fill(block, at)) throw FileError(path_, "cannot be read");
    if (const auto found = block.find_first_not_of('\0'); found != block.npos) {
      bytes_after_end_ = file_size - at - found;
      return;
    }
  }
}

TarFile::TarFile(const fs::path& path) : path_(path) {
  std::error_code failed;
  const auto file_size = fs::file_size(path, failed);
  if (!failed) descriptor_ = std::make_shared<const Descriptor>(path);
  index(failed ? 0 : file_size);
}

std::string TarFile::read(const TarEntry& entry) const {
  std::string bytes(entry.size, '\0');
  if (!descriptor_->fill(bytes, entry.offset))
    throw FileError(path_.string() + ":" + entry.name, "cannot be read");
  return bytes;
}

}  // namespace tessera
