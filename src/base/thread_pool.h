#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

namespace tessera {

/// Threads that work together on one thing at a time: the one owner of an engine's threads. Between
/// two pieces of work they wait actively for some microseconds, since the pieces of a decoding step
/// follow each other within less than one, and sleep after that.
class ThreadPool {
 public:
  /// `threads` in all, counting the one that calls for_each.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// From the next call of for_each on, only so many threads work, 1 .. threads(), so that somebody
  /// else can have the cores. From any thread.
  void use(int threads);

  /// Calls body(task, thread) for every task in 0 .. tasks-1, each once, and returns when all are
  /// done; `thread` in 0 .. threads()-1 tells concurrent calls apart. Whichever thread is free
  /// takes the next task, so a task's result may not depend on the thread. An exception of a task
  /// is thrown here, once the others have ended. Not to be called from a task, nor by two threads
  /// at once.
  template <typename Body>
  void for_each(std::size_t tasks, const Body& body) {
    run(tasks, &body, [](const void* context, std::size_t task, int thread) {
      (*static_cast<const Body*>(context))(task, thread);
    });
  }

 private:
  using Call = void (*)(const void* context, std::size_t task, int thread);

  void run(std::size_t tasks, const void* context, Call call);
  void work(int thread);
  void take_tasks(int thread);

  // What is to be done; written before call_number_ is raised, read after.
  std::size_t tasks_ = 0;
  const void* context_ = nullptr;
  Call call_ = nullptr;
  // A number raised by each call of run, above the threads that take part in it: one value, so that
  // a thread that wakes late does not take the number of one call for that of another.
  alignas(64) std::atomic<std::uint64_t> call_number_ = 0;
  alignas(64) std::atomic<std::size_t> next_ = 0;  // the next task to be taken
  alignas(64) std::atomic<int> busy_ = 0;          // workers still in this call
  std::atomic<int> used_;
  std::atomic<bool> stop_ = false;
  std::atomic_flag failed_;
  std::exception_ptr error_;  // of the first task that failed
  std::vector<std::thread> workers_;
};

}  // namespace tessera
