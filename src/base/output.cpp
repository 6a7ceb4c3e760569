#include "base/output.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <random>
#include <streambuf>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"

namespace tessera {
namespace {

constexpr const char* kLockName = ".tessera-lock";
constexpr const char* kTemporaryMark = ".tessera-";
constexpr std::size_t kTemporaryDigits = 16;
constexpr std::size_t kNameKept = 200;  // bytes; file systems allow 255
constexpr int kMostLinks = 40;          // as Linux

[[noreturn]] void refuse(const fs::path& path, int reason, const fs::path& at = {}) {
  const bool elsewhere = !at.empty() && at != path;
  throw FileError(
      path, "cannot be written: " + (elsewhere ? at.string() + ": " : "") + std::strerror(reason));
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// "folder/" is "folder".
fs::path without_slash(const fs::path& path) {
  return path.has_filename() || !path.has_relative_path() ? path : path.parent_path();
}

// /proc/self/fd/1, to which /dev/stdout leads, is a link only in name.
bool is_in_proc(const fs::path& path) {
  struct statfs system {};
  return ::statfs(folder_of(path).c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

struct Followed {
  fs::path path;
  bool through_proc = false;
};

// The last link may lead to what does not exist yet.
Followed follow_links(const fs::path& path) {
  Followed at{path};
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(at.path, error))) return at;
    at.through_proc |= is_in_proc(at.path);
    const auto next = fs::read_symlink(at.path, error);
    if (error) refuse(path, error.value());
    at.path = next.is_absolute() ? next : at.path.parent_path() / next;
  }
  refuse(path, ELOOP);
}

bool is_mount_point(const fs::path& path) {
  struct statx info {};
  return ::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &info) == 0 &&
         (info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
         (info.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool may(const fs::path& path, int rights) {
  return ::faccessat(AT_FDCWD, path.c_str(), rights, AT_EACCESS) == 0;
}

// Where a file's bytes go.
struct Target {
  fs::path path;
  bool exists = false;
  bool direct = false;  // written as it is, not replaced
  int flags = 0;        // of open(), when direct
};

Target target_of(const fs::path& path) {
  struct stat status {};
  Target target{.path = path};
  if (::stat(path.c_str(), &status) == 0) {
    target.exists = true;
    if (S_ISDIR(status.st_mode)) throw FileError(path, "is a folder, expected a file");
    if (S_ISSOCK(status.st_mode)) throw FileError(path, "is a socket, expected a file");
    if (S_ISBLK(status.st_mode)) throw FileError(path, "is a disk, expected a file");
    if (!S_ISREG(status.st_mode)) {
      target.direct = true;
      return target;
    }
  } else if (errno != ENOENT) {
    refuse(path, errno);
  }
  if (!path.has_filename()) refuse(path, ENOENT);
  const auto followed = follow_links(path);
  if (followed.through_proc) {  // what the shell opened, perhaps with >>
    target.direct = true;
    target.flags = O_APPEND;
    return target;
  }
  target.path = followed.path;
  if (target.exists && may(target.path, W_OK) &&
      (is_mount_point(target.path) || !may(folder_of(target.path), W_OK | X_OK))) {
    target.direct = true;
    target.flags = O_TRUNC;
  }
  return target;
}

fs::path existing_folder(const fs::path& path) {
  auto folder = folder_of(path);
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path())
    folder = folder.parent_path();
  return fs::exists(folder, error) ? folder : fs::path(".");
}

// Access rights do not tell of quotas, used-up inodes or immutable folders; a new file does: one
// without a name, where the file system has such files.
int probe(const fs::path& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)) {
    const auto name = temporary_name(folder / "probe");
    file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) ::unlink(name.c_str());
  }
  if (file < 0) return errno;
  ::close(file);
  return 0;
}

void check_folder(const fs::path& path, const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) refuse(path, errno, folder);
  if (!S_ISDIR(status.st_mode)) refuse(path, ENOTDIR, folder);
  if (!may(folder, W_OK | X_OK)) refuse(path, errno, folder);
  if (const int reason = probe(folder); reason != 0) refuse(path, reason, folder);
  struct statvfs room {};
  if (::statvfs(folder.c_str(), &room) == 0 && room.f_blocks > 0 && room.f_bavail == 0)
    refuse(path, ENOSPC, folder);
}

bool is_temporary(const std::string& name) {
  const auto mark = name.rfind(kTemporaryMark);
  if (mark == std::string::npos || !name.starts_with('.')) return false;
  const auto digits = name.substr(mark + std::strlen(kTemporaryMark));
  return digits.size() == kTemporaryDigits &&
         digits.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// A new ext4 file system is not quite empty.
bool counts_as_content(const fs::path& entry) {
  const auto name = entry.filename().string();
  return name != kLockName && name != "lost+found" && !is_temporary(name);
}

// On these, locks may not reach from one machine to another.
bool is_network_folder(const fs::path& folder) {
  struct statfs system {};
  if (::statfs(folder.c_str(), &system) != 0) return true;
  switch (static_cast<std::uint32_t>(system.f_type)) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case 0xFE534D42:  // SMB2
    case 0xFF534D42:  // CIFS
    case V9FS_MAGIC:
    case 0x65735546:  // FUSE
    case 0x00C36400:  // Ceph
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x19830326:  // BeeGFS
      return true;
    default:
      return false;
  }
}

bool has_no_locks(int reason) {
  return reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP || reason == EINVAL;
}

bool is_older_than(const fs::path& path, std::chrono::hours age) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  return !error && fs::file_time_type::clock::now() - written > age;
}

bool is_same_file(int descriptor, const fs::path& path) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

// True when the owner of a leftover, who holds a lock while it lives, is known to be dead.
bool is_abandoned(const fs::path& path) {
  const bool is_folder = fs::is_directory(fs::symlink_status(path));
  const auto locked = is_folder ? path / kLockName : path;
  if (is_network_folder(folder_of(path)) && !is_older_than(path, std::chrono::hours(24)))
    return false;
  const int file = ::open(locked.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return errno == ENOENT && is_folder && is_older_than(path, std::chrono::hours(1));
  const bool dead = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  ::close(file);
  return dead;
}

std::string random_digits() {
  std::random_device device;
  char digits[kTemporaryDigits + 1];
  std::snprintf(digits, sizeof digits, "%08x%08x", device(), device());
  return digits;
}

std::string this_process() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const std::time_t now = std::time(nullptr);
  char time[32] = {};
  std::tm utc{};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&now, &utc));
  return "process " + std::to_string(::getpid()) + " on " + host + " since " + time;
}

// The first line, without control characters: it goes into a message.
std::string owner_in(int descriptor) {
  char text[256] = {};
  const auto count = ::pread(descriptor, text, sizeof text - 1, 0);
  std::string line(text, static_cast<std::size_t>(std::max<ssize_t>(0, count)));
  line = line.substr(0, line.find('\n'));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return line.empty() ? "another process" : line;
}

// Creates a folder and those above it; adds the new ones to `created`.
void create_folders(const fs::path& path, const fs::path& folder, std::vector<fs::path>* created) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path at = folder; !at.empty() && !fs::exists(at, error); at = at.parent_path()) {
    if (error) refuse(path, error.value(), at);
    missing.push_back(at);
    if (!at.has_relative_path()) break;
  }
  for (; !missing.empty(); missing.pop_back()) {
    if (::mkdir(missing.back().c_str(), 0777) == 0) {
      if (created) created->push_back(missing.back());
    } else if (errno != EEXIST) {
      refuse(path, errno, missing.back());
    }
  }
  if (!fs::is_directory(folder, error)) refuse(path, ENOTDIR, folder);
}

std::string in_units(std::uintmax_t bytes) {
  char text[64];
  const double number = static_cast<double>(bytes);
  std::snprintf(text, sizeof text, number < 1e9 ? "%.1f MB" : "%.1f GB",
                number / (number < 1e9 ? 1e6 : 1e9));
  return text;
}

// A file of a finished model folder or pipeline.
bool is_of_a_model(const fs::path& path) {
  const auto name = path.filename();
  const auto folder = folder_of(path);
  std::error_code none;
  return ((name == "model.safetensors" || name == "config.json") &&
          fs::exists(folder / "model.safetensors", none) &&
          fs::exists(folder / "config.json", none)) ||
         (name == "pipeline.json" && fs::exists(folder / "generator/config.json", none));
}

}  // namespace

void check_output_file(const fs::path& path) {
  if (path.empty() || path == "-") return;
  const auto target = target_of(path);
  if (target.exists && !may(target.path, W_OK)) refuse(path, errno);
  if (is_of_a_model(target.path))
    throw FileError(path, "belongs to a model, expected another place");
  if (target.direct) return;
  const auto folder = existing_folder(target.path);
  check_folder(path, folder);
  remove_leftovers(folder);
}

void check_output_files(std::initializer_list<fs::path> paths) {
  std::map<fs::path, fs::path> seen;
  for (const auto& path : paths) {
    check_output_file(path);
    if (path.empty() || path == "-") continue;
    const auto target = target_of(path);
    if (target.direct) continue;
    std::error_code error;
    const auto place = fs::weakly_canonical(fs::absolute(target.path), error);
    if (const auto [other, is_new] = seen.emplace(place, path); !is_new)
      throw FileError(path, "would be written twice, expected another name for each output");
  }
}

void check_room(const fs::path& path, std::uintmax_t bytes) {
  if (path.empty() || path == "-") return;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
    return;
  struct statvfs room {};
  const auto folder = existing_folder(follow_links(without_slash(path)).path / "x");
  if (::statvfs(folder.c_str(), &room) != 0 || room.f_blocks == 0) return;
  const auto left = std::uintmax_t{room.f_bavail} * room.f_frsize;
  if (left < bytes)
    throw FileError(path, "cannot be written: " + in_units(bytes) + " are needed, " +
                              in_units(left) + " are left on its disk");
}

fs::path temporary_name(const fs::path& path) {
  const auto place = without_slash(path);
  auto name = place.filename().string();
  if (name.starts_with('.')) name.erase(0, 1);
  return folder_of(place) / ("." + name.substr(0, kNameKept) + kTemporaryMark + random_digits());
}

void remove_leftovers(const fs::path& folder) noexcept {
  try {
    std::error_code error;
    std::vector<fs::path> abandoned;
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (is_temporary(entry.path().filename().string()) && is_abandoned(entry.path()))
        abandoned.push_back(entry.path());
    for (const auto& path : abandoned) fs::remove_all(path, error);
  } catch (const std::exception&) {
    // A folder that cannot be listed keeps them.
  }
}

// An output buffer over a descriptor that keeps the reason of a failed write.
class OutputFile::Buffer : public std::streambuf {
 public:
  explicit Buffer(int descriptor) : descriptor_(descriptor), bytes_(1 << 18) {
    setp(bytes_.data(), bytes_.data() + bytes_.size());
  }
  ~Buffer() override { close(); }

  int descriptor() const { return descriptor_; }
  int reason() const { return reason_; }
  int close() {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor >= 0 && ::close(descriptor) != 0 ? errno : 0;
  }

 protected:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
      *pptr() = traits_type::to_char_type(c);
      pbump(1);
    }
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    if (count > epptr() - pptr()) {
      if (sync() != 0) return 0;
      if (count >= std::ssize(bytes_)) return write_all(bytes, count) ? count : 0;
    }
    std::copy_n(bytes, count, pptr());
    pbump(static_cast<int>(count));
    return count;
  }
  int sync() override {
    const bool written = write_all(pbase(), pptr() - pbase());
    setp(bytes_.data(), bytes_.data() + bytes_.size());
    return written ? 0 : -1;
  }

 private:
  bool write_all(const char* bytes, std::streamsize count) {
    while (count > 0 && reason_ == 0) {
      const auto written = ::write(descriptor_, bytes, static_cast<std::size_t>(count));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) reason_ = written < 0 ? errno : ENOSPC;
      bytes += std::max<ssize_t>(0, written);
      count -= std::max<ssize_t>(0, written);
    }
    return reason_ == 0;
  }

  int descriptor_, reason_ = 0;
  std::vector<char> bytes_;
};

OutputFile::OutputFile(const fs::path& path) : path_(path) {
  const auto target = target_of(path);
  target_ = target.path;
  int file = -1;
  if (target.direct) {
    file = ::open(target.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | target.flags);
    if (file < 0) fail(errno);
  } else {
    create_folders(path, folder_of(target_), nullptr);
    // Between its creation and its lock a file looks like a leftover, and may be removed.
    for (bool kept = false; !kept;) {
      temporary_ = temporary_name(target_);
      file = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file < 0 && errno == EEXIST) continue;
      if (file < 0) {
        const int reason = errno;
        temporary_.clear();
        fail(reason);
      }
      kept = ::flock(file, LOCK_EX | LOCK_NB) == 0
                 ? is_same_file(file, temporary_)
                 : has_no_locks(errno) && is_same_file(file, temporary_);
      if (!kept) ::close(file);
    }
    struct stat old {};
    if (target.exists && ::stat(target_.c_str(), &old) == 0)
      ::fchmod(file, old.st_mode & 0777);  // a private file stays private
  }
  buffer_ = std::make_unique<Buffer>(file);
  stream_ = std::make_unique<std::ostream>(buffer_.get());
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::fail(int reason) const { refuse(path_, reason); }

const fs::path& OutputFile::temporary() const {
  if (temporary_.empty())
    throw FileError(path_, "is no file that can be replaced, expected a file of its own");
  return temporary_;
}

void OutputFile::commit() {
  stream_->flush();
  if (buffer_->reason() != 0) fail(buffer_->reason());
  if (!*stream_) throw FileError(path_, "cannot be written");
  if (::fsync(buffer_->descriptor()) != 0 && errno != EINVAL && errno != EROFS &&
      errno != EOPNOTSUPP)
    fail(errno);
  if (!temporary_.empty()) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
    temporary_.clear();
  }
  if (const int reason = buffer_->close(); reason != 0) fail(reason);
}

std::optional<LockFile> LockFile::try_lock(const fs::path& path, std::string* owner) {
  while (true) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) refuse(path, errno);
    LockFile lock(path, file);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) {
        *owner = owner_in(file);
        lock.descriptor_ = -1;
        ::close(file);
        return std::nullopt;
      }
      if (!has_no_locks(errno)) {
        const int reason = errno;
        ::close(std::exchange(lock.descriptor_, -1));
        refuse(path, reason);
      }
      say(path.parent_path().string() +
          ": its file system has no locks: nothing keeps a second process from writing here");
    }
    if (!is_same_file(file, path)) {  // its last owner has removed it in between
      ::close(std::exchange(lock.descriptor_, -1));
      continue;
    }
    const auto text = this_process() + "\n";
    if (::ftruncate(file, 0) != 0 ||
        ::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      refuse(path, errno);
    return lock;
  }
}

LockFile::LockFile(LockFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

LockFile::~LockFile() {
  if (descriptor_ < 0) return;
  if (is_same_file(descriptor_, path_)) ::unlink(path_.c_str());
  ::close(descriptor_);
}

FolderLock::FolderLock(const fs::path& folder) {
  std::string owner;
  if (!try_folder(folder, &owner))
    throw FileError(folder, "is being written by " + owner + ", expected a folder not in use");
}

bool FolderLock::try_folder(const fs::path& folder, std::string* owner) {
  folder_ = follow_links(without_slash(folder)).path;
  std::error_code error;
  if (fs::exists(folder_, error) && !fs::is_directory(folder_, error))
    throw FileError(folder, "is not a folder");
  if (!fs::exists(folder_, error)) check_folder(folder, existing_folder(folder_));
  create_folders(folder, folder_, &created_);
  check_folder(folder, folder_);
  try {
    lock_ = LockFile::try_lock(folder_ / kLockName, owner);
  } catch (const FileError&) {
    for (; !created_.empty(); created_.pop_back()) ::rmdir(created_.back().c_str());
    throw;
  }
  if (lock_) remove_leftovers(folder_);
  return lock_.has_value();
}

void FolderLock::pause() {
  stop_if_interrupted();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

FolderLock::~FolderLock() {
  release();
  for (; !created_.empty(); created_.pop_back()) ::rmdir(created_.back().c_str());
}

void NewFolder::check(const fs::path& folder) {
  const auto place = follow_links(without_slash(folder)).path;
  std::error_code error;
  const auto status = fs::status(place, error);
  if (error && status.type() != fs::file_type::not_found) refuse(folder, error.value());
  if (!fs::exists(status)) return check_folder(folder, existing_folder(place));
  if (!fs::is_directory(status)) throw FileError(folder, "exists and is not a folder");
  check_folder(folder, place);
  for (const auto& entry : fs::directory_iterator(place, error))
    if (counts_as_content(entry.path()))
      throw FileError(folder, "exists and holds files, expected a new or an empty folder");
  if (error) refuse(folder, error.value());
}

NewFolder::NewFolder(const fs::path& folder) : named_(folder) {
  check(folder);
  lock_.emplace(folder);
  check(folder);
  const auto& place = lock_->folder();
  if (lock_->created()) remove_leftovers(folder_of(place));
  stage_ = lock_->created() ? temporary_name(place) : place / temporary_name("new");
  if (::mkdir(stage_.c_str(), 0777) != 0) refuse(named_, errno, stage_);
  std::string owner;
  stage_lock_ = LockFile::try_lock(stage_ / kLockName, &owner);
}

NewFolder::~NewFolder() {
  if (stage_.empty()) return;
  std::error_code ignored;
  fs::remove_all(stage_, ignored);
}

void NewFolder::finish() {
  const auto& place = lock_->folder();
  stage_lock_.reset();
  if (lock_->created()) {
    // One step, so that nobody sees a part of it. The old folder, which holds the lock alone, gets
    // the temporary name and is removed.
    if (::renameat2(AT_FDCWD, stage_.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) != 0) {
      lock_->release();
      if (::rename(stage_.c_str(), place.c_str()) != 0) refuse(named_, errno);
    }
  } else {
    move_entries();
  }
  std::error_code ignored;
  fs::remove_all(stage_, ignored);
  stage_.clear();
  lock_->keep();
  lock_->release();
}

// The files that make a folder a model or a pipeline come last, so that half of one is none.
void NewFolder::move_entries() const {
  std::vector<fs::path> entries, moved;
  for (const auto& entry : fs::directory_iterator(stage_)) entries.push_back(entry.path());
  const auto rank = [](const fs::path& path) {
    const auto name = path.filename();
    return name == "model.safetensors" || name == "pipeline.json" ? 1 : 0;
  };
  std::sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
    return std::pair(rank(a), a) < std::pair(rank(b), b);
  });
  for (const auto& entry : entries) {
    const auto target = lock_->folder() / entry.filename();
    if (::rename(entry.c_str(), target.c_str()) == 0) {
      moved.push_back(target);
      continue;
    }
    const int reason = errno;
    std::error_code ignored;
    for (const auto& path : moved) fs::remove_all(path, ignored);
    refuse(named_, reason, target);
  }
}

}  // namespace tessera
