#include "base/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"

namespace tessera {
namespace {

enum ExitCode { kDone = 0, kFault = 1, kBadInput = 2, kInterrupted = 130 };

// The reading and the writing end of a pipe that no other child inherits.
std::array<int, 2> open_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  return ends;
}

// What a child has left to say when it ends badly goes through a pipe of its own.
[[noreturn]] void run_child(const Job& job, int report) {
  const auto end = [&](ExitCode code, const char* message) {
    std::fflush(stderr);
    const auto written = write(report, message, std::strlen(message));
    _exit(written < 0 ? kFault : code);
  };
  try {
    job.work();
    end(kDone, "");
  } catch (const Error& error) {
    end(kBadInput, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    end(kBadInput, (error.path1().string() + ": " + error.code().message()).c_str());
  } catch (const Interrupted& error) {
    end(kInterrupted, error.what());
  } catch (const std::exception& error) {
    end(kFault, error.what());
  }
  std::abort();
}

class Child {
 public:
  explicit Child(const Job& job) : name_(job.name) {
    const auto lines = open_pipe(), report = open_pipe();
    std::fflush(nullptr);
    const auto parent = getpid();
    id_ = fork();
    if (id_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id_ == 0) {
      // A group of its own: Ctrl-C on the terminal reaches it once, through its parent.
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(kInterrupted);  // it died before that
      dup2(lines[1], STDERR_FILENO);
      run_child(job, report[1]);
    }
    close(lines[1]);
    close(report[1]);
    lines_ = lines[0];
    report_ = report[0];
  }

  int lines() const { return lines_; }
  const std::string& name() const { return name_; }
  void interrupt() const { kill(id_, SIGINT); }

  // Shows whole lines; false when the child has ended.
  bool read_lines() {
    char text[4096];
    const auto count = read(lines_, text, sizeof text);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    pending_.append(text, static_cast<std::size_t>(count));
    for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;
         pending_.erase(0, end + 1))
      say(name_ + "  " + pending_.substr(0, end));
    return count > 0;
  }

  // Waits for its end; the exception that it ended with, or null.
  std::exception_ptr outcome() {
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    std::string message(4096, '\0');
    const auto count = read(report_, message.data(), message.size());
    message.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    close(lines_);
    close(report_);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kDone) return nullptr;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kBadInput)
      return std::make_exception_ptr(Error(name_ + ": " + message));
    if (WIFEXITED(status) && WEXITSTATUS(status) == kInterrupted)
      return std::make_exception_ptr(Interrupted(message));
    if (WIFSIGNALED(status)) message = strsignal(WTERMSIG(status));
    // Told to stop a second time, before it had saved: that is no failure of the job.
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
      return std::make_exception_ptr(Interrupted(message));
    return std::make_exception_ptr(std::runtime_error(name_ + ": " + message));
  }

 private:
  std::string name_, pending_;
  pid_t id_ = 0;
  int lines_ = 0, report_ = 0;
};

class Pool {
 public:
  Pool(const JobSource& source, int workers)
      : source_(source), workers_(static_cast<std::size_t>(workers)) {}

  void run() {
    while (!children_.empty() || (!stopping_ && source_.more())) {
      try {
        start();
        wait_for_lines();
        for (const auto& name : source_.tick()) interrupt(name);
      } catch (...) {  // no child is left behind
        if (!failure_) failure_ = std::current_exception();
        stop();
      }
      if (interrupted()) stop();
    }
    if (failure_) std::rethrow_exception(failure_);
    stop_if_interrupted();
  }

 private:
  static constexpr int kTick = 1000;  // ms

  void start() {
    while (!stopping_ && children_.size() < workers_) {
      const auto job = source_.next();
      if (!job) return;
      children_.emplace_back(*job);
    }
  }

  void wait_for_lines() {
    std::vector<pollfd> ready;
    for (const auto& child : children_) ready.push_back({child.lines(), POLLIN, 0});
    if (poll(ready.data(), ready.size(), kTick) < 0) return;  // a signal
    for (std::size_t i = children_.size(); i-- > 0;) {
      if (ready[i].revents == 0 || children_[i].read_lines()) continue;
      const auto outcome = children_[i].outcome();
      const auto name = children_[i].name();
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
      source_.ended(name, outcome);
    }
  }

  void interrupt(const std::string& name) const {
    for (const auto& child : children_)
      if (child.name() == name) child.interrupt();
  }

  void stop() {
    if (stopping_) return;
    stopping_ = true;
    for (const auto& child : children_) child.interrupt();
  }

  const JobSource& source_;
  std::size_t workers_;
  std::vector<Child> children_;
  std::exception_ptr failure_;
  bool stopping_ = false;
};

}  // namespace

void run_in_processes(const JobSource& source, int workers) {
  TESSERA_CHECK(workers >= 1);
  Pool(source, workers).run();
}

void run_in_processes(const std::vector<Job>& jobs, int workers) {
  std::size_t next = 0;
  run_in_processes({.next = [&]() -> std::optional<Job> {
                      if (next == jobs.size()) return std::nullopt;
                      return jobs[next++];
                    },
                    .more = [&] { return next < jobs.size(); },
                    .ended =
                        [](const std::string&, std::exception_ptr failure) {
                          if (failure) std::rethrow_exception(failure);
                        },
                    .tick = [] { return std::vector<std::string>(); }},
                   workers);
}

}  // namespace tessera
