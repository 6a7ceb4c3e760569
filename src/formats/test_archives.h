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

/// Writes named files as a tar (pax, as Python's tarfile does), or a compressed one.
inline void write_tar(const fs::path& path,
                      const std::vector<std::pair<std::string, std::string>>& files,
                      bool compressed = false) {
  archive* tar = archive_write_new();
  archive_write_set_format_pax(tar);
  if (compressed) archive_write_add_filter_gzip(tar);
  TESSERA_CHECK(archive_write_open_filename(tar, path.c_str()) == ARCHIVE_OK);
  for (const auto& [name, bytes] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    TESSERA_CHECK(archive_write_header(tar, entry) == ARCHIVE_OK);
    archive_write_data(tar, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_free(tar);
}

/// An IDX file of unsigned bytes.
inline std::string idx_of_bytes(const std::vector<int>& shape, const std::string& bytes) {
  std::string idx{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const int side : shape)
    for (const int shift : {24, 16, 8, 0}) idx += static_cast<char>(side >> shift);
  return idx + bytes;
}

}  // namespace tessera
