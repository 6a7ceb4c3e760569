// For tests only: small tars and IDX files.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace tessera {

/// A file, link or folder of a tar: the bytes are a file's, or a link's target.
struct TestMember {
  std::string name, bytes;
  enum Kind { file, hard_link, symbolic_link, folder } kind = file;
};

/// Writes a tar (pax, as Python's tarfile does), or a compressed one.
inline void write_tar_members(const fs::path& path, const std::vector<TestMember>& members,
                              int filter = ARCHIVE_FILTER_NONE) {
  archive* tar = archive_write_new();
  archive_write_set_format_pax(tar);
  archive_write_set_options(tar, "hdrcharset=BINARY");
  if (filter != ARCHIVE_FILTER_NONE)
    TESSERA_CHECK(archive_write_add_filter(tar, filter) == ARCHIVE_OK);
  TESSERA_CHECK(archive_write_open_filename(tar, path.c_str()) == ARCHIVE_OK);
  for (const auto& [name, bytes, kind] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, kind == TestMember::folder          ? AE_IFDIR
                                      : kind == TestMember::symbolic_link ? AE_IFLNK
                                                                          : AE_IFREG);
    archive_entry_set_size(entry,
                           kind == TestMember::file ? static_cast<la_int64_t>(bytes.size()) : 0);
    if (kind == TestMember::hard_link) archive_entry_set_hardlink(entry, bytes.c_str());
    if (kind == TestMember::symbolic_link) archive_entry_set_symlink(entry, bytes.c_str());
    TESSERA_CHECK(archive_write_header(tar, entry) == ARCHIVE_OK);
    if (kind == TestMember::file) archive_write_data(tar, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_free(tar);
}

/// Writes named files.
inline void write_tar(const fs::path& path,
                      const std::vector<std::pair<std::string, std::string>>& files,
                      int filter = ARCHIVE_FILTER_NONE) {
  std::vector<TestMember> members;
  for (const auto& [name, bytes] : files) members.push_back({name, bytes});
  write_tar_members(path, members, filter);
}

/// An IDX file of unsigned bytes.
inline std::string idx_of_bytes(const std::vector<int>& shape, const std::string& bytes) {
  std::string idx{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const int side : shape)
    for (const int shift : {24, 16, 8, 0}) idx += static_cast<char>(side >> shift);
  return idx + bytes;
}

}  // namespace tessera
