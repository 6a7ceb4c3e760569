#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/files.h"

namespace tessera {

/// The right to do a run, held by one worker of all that share a folder: a file created exclusively
/// and touched again and again. Where a worker died, its file is no longer touched, and after a
/// while another takes the run. Times are the file system's own, so clocks may differ.
class Claim {
 public:
  using Seconds = std::chrono::duration<double>;
  static constexpr Seconds kExpires{120}, kBeat{10};

  /// Nothing when somebody else has it. `owner` is who asks, for people to read.
  static std::optional<Claim> take(const fs::path& path, const std::string& owner,
                                   Seconds expires = kExpires);
  ~Claim();
  Claim(Claim&& other) noexcept : path_(std::exchange(other.path_, {})), mark_(other.mark_) {}
  Claim& operator=(Claim&&) = delete;

  /// Says that the worker lives; false when it was taken for dead and another has the run.
  bool beat() const;

 private:
  Claim(fs::path path, std::string mark) : path_(std::move(path)), mark_(std::move(mark)) {}
  bool is_mine() const;

  fs::path path_;
  std::string mark_;  // what the file holds: different for every claim
};

}  // namespace tessera
