// What the tests of several modules share.
#pragma once

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"

namespace tessera {

/// A folder of its own that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "tessera-test-XXXXXX").string();
    TESSERA_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// The message of the Error that `act` throws; empty if it throws none.
inline std::string error_of(const std::function<void()>& act) {
  try {
    act();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

/// Hands `read` many damaged versions of `bytes`: cut, overwritten, with bytes and digits changed.
/// A reader keeps its promise if only tessera::Error leaves it; anything else fails the test or
/// crashes it. Returns how many were refused.
inline int read_damaged(const std::string& bytes, const fs::path& path, int count,
                        const std::function<void()>& read) {
  int refused = 0;
  Rng rng(static_cast<std::uint64_t>(count));
  for (int i = 0; i < count; ++i) {
    std::string damaged = bytes;
    if (rng.below(4) == 0) damaged.resize(rng.below(damaged.size() + 1));
    for (auto changes = rng.below(6); changes > 0 && !damaged.empty(); --changes) {
      // Most readers judge by their header, so damage the beginning most often.
      const auto reach = rng.below(2) ? damaged.size() : std::min<std::size_t>(damaged.size(), 300);
      const std::string interesting = "0123456789-[]{}\":,\xff";
      damaged[rng.below(reach)] = rng.below(2) ? interesting[rng.below(interesting.size())]
                                               : static_cast<char>(rng.below(256));
    }
    fs::remove(path);  // truncating in place would wait for the disk
    std::ofstream(path, std::ios::binary).write(damaged.data(), std::ssize(damaged));
    refused += !error_of(read).empty();
  }
  return refused;
}

}  // namespace tessera
