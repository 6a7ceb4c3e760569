#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

/// Work for a process of its own.
struct Job {
  std::string name;
  std::function<void()> work;
};

/// Runs jobs in forked processes, at most `workers` at a time, in order. What a job prints on
/// standard error appears line by line behind its name. When a job throws, the others are
/// interrupted, so that they save what they have, and its Error or Interrupted is thrown here;
/// Ctrl-C reaches all of them. Call it while this process has no threads that a fork would lose.
void run_in_processes(const std::vector<Job>& jobs, int workers);

/// Jobs that are handed out one by one.
struct JobSource {
  std::function<std::optional<Job>()> next;  ///< nothing: none at present
  std::function<bool()> more;                ///< whether there may be one later
  /// A job has ended; `failure` is null when it did its work.
  std::function<void(const std::string& name, std::exception_ptr failure)> ended;
  /// Called about once a second; names jobs that are to be interrupted, each once.
  std::function<std::vector<std::string>()> tick;
};

/// The same with jobs that a source hands out: one that throws does not disturb the others. Throws
/// Interrupted after Ctrl-C, and what the source itself throws, when all have ended.
void run_in_processes(const JobSource& source, int workers);

}  // namespace tessera
