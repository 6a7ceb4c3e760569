#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tessera {

/// Live progress of one stage on standard error: step, values, rate and time left. On a terminal
/// one line is rewritten; otherwise a line appears every ten seconds. Quiet prints nothing.
class Progress {
 public:
  using Values = std::vector<std::pair<std::string, double>>;

  /// `total` steps of `stage`, each worth `items_per_step` of `unit` ("images"); `first` were done
  /// before.
  Progress(std::string stage, std::int64_t total, bool quiet, std::string unit = "images",
           double items_per_step = 1, std::int64_t first = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Call at each step; prints when it is time to. `done` counts from 0 to total.
  void update(std::int64_t done, const Values& values = {});
  /// Prints the closing line: total time and rate.
  void finish();
  /// A message that does not destroy the live line.
  void note(const std::string& message);

 private:
  void print(std::int64_t done, const Values& values, bool last);

  std::string stage_, unit_;
  std::int64_t total_, first_, done_;
  double items_per_step_;
  bool quiet_, terminal_, finished_ = false, line_open_ = false;
  Values values_;
  std::chrono::steady_clock::time_point start_, printed_;
};

/// Seconds as a person says them: "45 s", "3 min 20 s", "2 h 5 min".
std::string format_duration(double seconds);

/// A one-line message on standard error.
void say(const std::string& message);

}  // namespace tessera
