#include "base/user_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/output.h"

namespace tessera {
namespace {

constexpr std::size_t kNameDigits = 32, kHashDigits = 64;
constexpr std::uintmax_t kLargeFile = std::uintmax_t{16} << 20;
constexpr std::size_t kHashesKept = 256;

fs::path cache_folder() {
  if (const char* own = std::getenv("TESSERA_CACHE")) return own;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return fs::path(cache) / "tessera";
  if (const char* home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".cache/tessera";
  return {};
}

bool is_hash(const std::string& text) {
  return text.size() == kHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::optional<fs::path> user_cache_path(const fs::path& file, const std::string& purpose,
                                        const std::string& extension) {
  const auto folder = cache_folder();
  struct stat status = {};
  if (folder.empty() || ::stat(file.c_str(), &status) != 0) return std::nullopt;
  std::string identity = fs::absolute(file).string();
  // Another file in the same place, or the same one rewritten, is another file.
  for (const auto number :
       {std::int64_t{status.st_size}, static_cast<std::int64_t>(status.st_ino),
        std::int64_t{status.st_mtim.tv_sec}, std::int64_t{status.st_mtim.tv_nsec}})
    identity += "\n" + std::to_string(number);
  return folder / (sha256(identity + "\n" + purpose).substr(0, kNameDigits) + extension);
}

void remove_least_recent(const fs::path& folder, const std::string& extension, std::size_t kept) {
  remove_leftovers(folder);
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == extension)
      files.emplace_back(entry.last_write_time(), entry.path());
  std::sort(files.rbegin(), files.rend());
  for (std::size_t old = kept; old < files.size(); ++old) fs::remove(files[old].second);
}

std::string remembered_sha256(const fs::path& file) {
  std::error_code none;
  const auto size = fs::file_size(file, none);
  if (none || size < kLargeFile) return sha256_file(file);
  const auto path = user_cache_path(file, "sha256", ".sha256");
  if (!path) return sha256_file(file);
  try {
    if (fs::exists(*path, none))
      if (const auto known = read_file(*path); is_hash(known)) return known;
  } catch (const Error&) {
    // Unreadable: computed again.
  }
  const auto hash = sha256_file(file);
  try {
    write_file(*path, hash);
    remove_least_recent(path->parent_path(), ".sha256", kHashesKept);
  } catch (const std::exception&) {
    // A place that cannot be written: the next run computes it again.
  }
  return hash;
}

}  // namespace tessera
