#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace tessera {

namespace fs = std::filesystem;

// Every file and folder that a command writes goes through this header (docs/guides/output.md).
// A file is replaced whole or not at all, a new folder appears whole or not at all, and two
// processes never write one folder.

/// Throws FileError, with the system's reason, if `path` cannot be written as a file: a folder on
/// the way is missing its rights, a file is in the way, the disk is full, or the file is one of a
/// model folder's. Creates nothing, but
/// removes what dead processes left in the same folder. "" and "-" (standard output) always pass.
/// Call it before any work.
void check_output_file(const fs::path& path);

/// The same for all files of one command; throws Error, too, if two of them are the same file.
void check_output_files(std::initializer_list<fs::path> paths);

/// Throws FileError if the file system of `path` is known to have less room than `bytes`.
void check_room(const fs::path& path, std::uintmax_t bytes);

/// A name in the folder of `path` that no other process uses: hidden, with 64 random bits. `path`
/// may be a file or a folder.
fs::path temporary_name(const fs::path& path);

/// Removes files and folders in `folder` whose names temporary_name() made and whose process is
/// dead. Never throws.
void remove_leftovers(const fs::path& folder) noexcept;

/// A file that is being written. Its bytes go to a temporary file beside it, which replaces it when
/// it is complete; symbolic links are followed. A device or a pipe is written directly, and so is a
/// regular file that cannot be replaced: a mount point, or a file in a folder without write access.
class OutputFile {
 public:
  explicit OutputFile(const fs::path& path);  ///< throws FileError; creates missing folders
  ~OutputFile();                              ///< an incomplete temporary file is removed
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return *stream_; }
  /// The temporary file, for libraries that open files by name. Throws FileError for a device.
  const fs::path& temporary() const;
  /// Flushes, syncs and renames. Throws FileError with the system's reason.
  void commit();

 private:
  class Buffer;
  [[noreturn]] void fail(int reason) const;

  fs::path path_, target_, temporary_;  // as named; links followed; empty when written directly
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

/// A file held with flock(2) from construction to destruction. The system releases it when the
/// process ends, however it ends. Where the file system has no locks, it is held by nobody.
class LockFile {
 public:
  /// Nothing if another process holds the lock; `owner` then says which one.
  static std::optional<LockFile> try_lock(const fs::path& path, std::string* owner);
  ~LockFile();  ///< removes the file, then releases it
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;

 private:
  LockFile(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  fs::path path_;
  int descriptor_ = -1;
};

/// The right to write a folder, held by one process at a time: creates the folder if it is missing
/// and locks a file in it. Symbolic links are followed. A folder that was created and is still
/// empty at the end is removed again.
class FolderLock {
 public:
  /// Throws FileError if the folder cannot be written or another process holds it; the message
  /// names that process.
  explicit FolderLock(const fs::path& folder);
  /// Waits until no other process holds the folder; calls `waiting` once if it has to.
  template <typename Waiting>
  static FolderLock wait(const fs::path& folder, Waiting&& waiting);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept = default;
  FolderLock& operator=(FolderLock&&) = delete;

  const fs::path& folder() const { return folder_; }  ///< links followed
  bool created() const { return !created_.empty(); }
  void release() { lock_.reset(); }
  void keep() { created_.clear(); }  ///< the folder stays, also if it is empty

 private:
  FolderLock() = default;
  bool try_folder(const fs::path& folder, std::string* owner);
  static void pause();

  fs::path folder_;
  std::vector<fs::path> created_;  // from the outermost on
  std::optional<LockFile> lock_;
};

template <typename Waiting>
FolderLock FolderLock::wait(const fs::path& folder, Waiting&& waiting) {
  FolderLock result;
  std::string owner;
  for (bool told = false; !result.try_folder(folder, &owner); told = true) {
    if (!told) waiting(owner);
    pause();
  }
  return result;
}

/// A folder of a command's own that appears whole or not at all. Files are written below path();
/// finish() moves them to their place. The folder must be new or empty; one that exists, such as a
/// mount point, keeps its identity. Locked from construction to destruction.
class NewFolder {
 public:
  /// Throws FileError if `folder` holds files, cannot be written or is being written.
  explicit NewFolder(const fs::path& folder);
  ~NewFolder();  ///< what is not finished is removed
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const fs::path& path() const { return stage_; }
  void finish();

  /// The checks of the constructor without its lock.
  static void check(const fs::path& folder);

 private:
  void move_entries() const;

  fs::path named_;
  std::optional<FolderLock> lock_;
  fs::path stage_;
  std::optional<LockFile> stage_lock_;
};

}  // namespace tessera
