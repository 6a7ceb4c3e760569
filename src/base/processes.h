#pragma once

#include <functional>
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

}  // namespace tessera
