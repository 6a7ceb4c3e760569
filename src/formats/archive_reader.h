#pragma once

#include <archive.h>

#include <memory>

#include "base/files.h"

namespace tessera {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

/// Opens a file with the formats and filters that `archive` supports. Throws FileError with
/// libarchive's reason.
void open_archive(archive* archive, const fs::path& path);

/// libarchive's last message.
std::string archive_problem(archive* archive);

}  // namespace tessera
