#include "study/claim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "base/error.h"

namespace tessera {
namespace {

std::string random_mark() {
  std::random_device device;
  return std::to_string((std::uint64_t{device()} << 32) | device());
}

// Creates the file with these bytes; false when it exists.
bool create(const fs::path& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0 && errno == EEXIST) return false;
  if (file < 0) throw FileError(path, std::string("cannot be written: ") + std::strerror(errno));
  const auto written = ::write(file, text.data(), text.size());
  ::close(file);
  if (written == static_cast<ssize_t>(text.size())) return true;
  fs::remove(path);
  throw FileError(path, "cannot be written: the disk may be full");
}

std::string text_of(const fs::path& path) {
  try {
    return read_file(path, 1 << 16);
  } catch (const Error&) {
    return {};  // gone in the meantime
  }
}

// Seconds since the file was last touched, by the clock that touches files.
std::optional<Claim::Seconds> age_of(const fs::path& path) {
  const fs::path probe = path.string() + ".clock-" + random_mark();
  create(probe, "");
  std::error_code gone;
  const auto now = fs::last_write_time(probe, gone), then = fs::last_write_time(path, gone);
  fs::remove(probe);
  if (gone) return std::nullopt;
  return now - then;
}

// Removes the claim of a worker that has died. Two may try: the file is first moved aside, which
// one of them does, and put back if it turns out to be a new claim.
void remove_dead(const fs::path& path, const std::string& dead) {
  const fs::path aside = path.string() + ".dead-" + random_mark();
  if (::rename(path.c_str(), aside.c_str()) != 0) return;
  if (text_of(aside) != dead && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST)
    throw FileError(path, std::string("cannot be written: ") + std::strerror(errno));
  fs::remove(aside);
}

}  // namespace

std::optional<Claim> Claim::take(const fs::path& path, const std::string& owner, Seconds expires) {
  fs::create_directories(path.parent_path());
  const auto mark = owner + "\n" + random_mark() + "\n";
  if (create(path, mark)) return Claim(path, mark);
  const auto text = text_of(path);
  const auto age = age_of(path);
  if (!age || *age < expires) return std::nullopt;
  remove_dead(path, text);
  if (create(path, mark)) return Claim(path, mark);
  return std::nullopt;
}

bool Claim::is_mine() const { return text_of(path_) == mark_; }

bool Claim::beat() const {
  if (!is_mine()) return false;
  return ::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0) == 0;  // the file system's present
}

Claim::~Claim() {
  std::error_code none;
  if (!path_.empty() && is_mine()) fs::remove(path_, none);
}

}  // namespace tessera
