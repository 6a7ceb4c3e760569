#pragma once

#include <optional>

#include "base/files.h"

namespace tessera {

/// Where what was computed from a file is kept between runs: $TESSERA_CACHE, else
/// $XDG_CACHE_HOME/tessera, else ~/.cache/tessera. An empty TESSERA_CACHE keeps nothing; everything
/// there may be deleted at any time. The path for what `purpose` makes of `file` as it is now (its
/// place, size, inode and time of change); nothing when there is no such file or nothing is kept.
std::optional<fs::path> user_cache_path(const fs::path& file, const std::string& purpose,
                                        const std::string& extension);

/// Removes all but the `kept` files with this extension in `folder` that were used last.
void remove_least_recent(const fs::path& folder, const std::string& extension, std::size_t kept);

/// SHA-256 of a file. Of a large one it is kept in the user's cache, so that a model that was
/// opened once opens at once.
std::string remembered_sha256(const fs::path& file);

}  // namespace tessera
