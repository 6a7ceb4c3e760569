#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "base/files.h"

namespace tessera {

/// The entries of a zip archive by name, as torch.save stores them: not compressed. ZIP64 sizes and
/// places are understood. The spans point into `bytes`; each lies within it. Throws FileError about
/// `path` when the archive is damaged or an entry is compressed or encrypted.
std::map<std::string, std::span<const std::byte>> read_zip(std::span<const std::byte> bytes,
                                                           const fs::path& path);

}  // namespace tessera
