#pragma once

#include <string>
#include <vector>

#include "formats/tar.h"

namespace tessera {

/// An entry as a tar's header has it.
struct TarMember {
  TarEntry file;            ///< of a link, the name alone
  std::string link_target;  ///< empty: a regular file
  bool symbolic = false;    ///< the target is seen from the link's folder, not from the tar's root
};

/// The members in their order, links replaced by what they lead to inside the tar. Those that lead
/// nowhere, out of it or to a folder above are added to `unread` as "link -> target". Throws
/// FileError naming `path` when links to folders multiply beyond a million files.
std::vector<TarEntry> resolve_tar_links(const std::vector<TarMember>& members, const fs::path& path,
                                        std::vector<std::string>& unread);

}  // namespace tessera
