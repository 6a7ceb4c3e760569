#include "formats/tar_links.h"

#include <map>
#include <optional>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::size_t kMostInLinkedFolders = 1'000'000;  // files
constexpr int kMostHops = 40;                            // as Linux follows

// "./a//b/../c" is "a/c"; nothing when it leaves the tar.
std::optional<std::string> normal_name(const std::string& name) {
  std::vector<std::string> parts;
  for (const auto& piece : fs::path(name)) {
    const auto part = piece.string();
    if (part.empty() || part == "." || part == "/") continue;
    if (part != "..") {
      parts.push_back(part);
    } else {
      if (parts.empty()) return std::nullopt;
      parts.pop_back();
    }
  }
  std::string normal;
  for (const auto& part : parts) normal += (normal.empty() ? "" : "/") + part;
  return normal;
}

std::optional<std::string> target_of(const TarMember& link) {
  if (!link.symbolic) return normal_name(link.link_target);
  if (link.link_target.starts_with('/')) return std::nullopt;
  return normal_name((fs::path(link.file.name).parent_path() / link.link_target).string());
}

class Links {
 public:
  explicit Links(const std::vector<TarMember>& members) {
    for (const auto& member : members) {
      const auto name = normal_name(member.file.name);
      if (!name) continue;
      if (member.link_target.empty())
        files_[*name] = &member.file;  // a later file of a name replaces an earlier one
      else if (const auto target = target_of(member))
        links_[*name] = *target;
    }
  }

  // Where a name leads when links on its way are followed; nothing when that has no end.
  std::optional<std::string> followed(std::string name) const {
    for (int hop = 0; hop < kMostHops; ++hop) {
      bool moved = false;
      for (auto end = name.find('/'); !moved; end = name.find('/', end + 1)) {
        const auto link = links_.find(name.substr(0, end));
        if (link != links_.end()) {
          const auto rest = end == std::string::npos ? "" : name.substr(end);
          name = link->second + (link->second.empty() && !rest.empty() ? rest.substr(1) : rest);
          moved = true;
        }
        if (end == std::string::npos) break;
      }
      if (!moved) return name;
    }
    return std::nullopt;
  }

  const TarEntry* file(const std::string& name) const {
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : found->second;
  }

  // Calls use(name below the folder, file).
  template <typename Use>
  bool for_each_below(const std::string& folder, const Use& use) const {
    const auto prefix = folder + "/";
    bool any = false;
    for (auto at = files_.lower_bound(prefix); at != files_.end() && at->first.starts_with(prefix);
         ++at, any = true)
      use(at->first.substr(prefix.size()), *at->second);
    return any;
  }

 private:
  std::map<std::string, const TarEntry*> files_;
  std::map<std::string, std::string> links_;
};

}  // namespace

std::vector<TarEntry> resolve_tar_links(const std::vector<TarMember>& members, const fs::path& path,
                                        std::vector<std::string>& unread) {
  const Links links(members);
  std::vector<TarEntry> entries;
  std::size_t in_linked_folders = 0;
  const auto add = [&](const std::string& name, const TarEntry& file) {
    entries.push_back({name, file.offset, file.size});
  };
  for (const auto& member : members) {
    const auto& name = member.file.name;
    if (member.link_target.empty()) {
      add(name, member.file);
      continue;
    }
    const auto direct = target_of(member);
    const auto target = direct ? links.followed(*direct) : std::nullopt;
    bool found = false;
    if (target && !target->empty()) {
      if (const auto* file = links.file(*target)) {
        add(name, *file);
        found = true;
      } else if (const auto place = normal_name(name);
                 place && !place->starts_with(*target + "/")) {
        found = links.for_each_below(*target, [&](const std::string& rest, const TarEntry& below) {
          if (++in_linked_folders > kMostInLinkedFolders)
            throw FileError(path, "its links to folders give more than a million files");
          add(name + (name.ends_with('/') ? "" : "/") + rest, below);
        });
      }
    }
    if (!found) unread.push_back(name + " -> " + member.link_target);
  }
  return entries;
}

}  // namespace tessera
