#include "base/thread_pool.h"

#include <chrono>
#include <utility>

#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tessera {
namespace {

constexpr auto kActiveWait = std::chrono::microseconds(100);
constexpr int kSpinsPerLook = 64;  // at the clock
constexpr std::uint64_t kNextCall = std::uint64_t{1} << 16, kUsedMask = kNextCall - 1;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once value != old: actively for a while, since the next piece of work is mostly near,
// then asleep, so that a waiting thread does not take the processor from whoever needs it.
template <typename T>
void wait_for_change(const std::atomic<T>& value, T old) {
  const auto end = std::chrono::steady_clock::now() + kActiveWait;
  do {
    for (int spin = 0; spin < kSpinsPerLook; ++spin) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) : used_(threads) {
  TESSERA_CHECK(threads >= 1 && threads < static_cast<int>(kUsedMask));
  for (int thread = 1; thread < threads; ++thread)
    workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  call_number_.fetch_add(kNextCall, std::memory_order_release);
  call_number_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::take_tasks(int thread) {
  for (std::size_t task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) {
    try {
      call_(context_, task, thread);
    } catch (...) {
      if (!failed_.test_and_set()) error_ = std::current_exception();
    }
  }
}

void ThreadPool::run(std::size_t tasks, const void* context, Call call) {
  tasks_ = tasks;
  context_ = context;
  call_ = call;
  next_.store(0, std::memory_order_relaxed);
  const auto used = static_cast<std::uint64_t>(used_.load(std::memory_order_relaxed));
  const bool shared = tasks > 1 && used > 1;
  if (shared) {
    busy_.store(static_cast<int>(used) - 1, std::memory_order_relaxed);
    const auto last = call_number_.load(std::memory_order_relaxed);
    call_number_.store((last | kUsedMask) + 1 + used, std::memory_order_release);
    call_number_.notify_all();
  }
  take_tasks(0);
  if (shared)
    for (int busy; (busy = busy_.load(std::memory_order_acquire)) != 0;)
      wait_for_change(busy_, busy);
  if (failed_.test()) {
    failed_.clear();
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

void ThreadPool::use(int threads) {
  TESSERA_CHECK(threads >= 1 && threads <= this->threads());
  used_ = threads;
}

void ThreadPool::work(int thread) {
  std::uint64_t seen = 0;
  while (true) {
    wait_for_change(call_number_, seen);
    seen = call_number_.load(std::memory_order_acquire);
    if (stop_) return;
    if (thread >= static_cast<int>(seen & kUsedMask)) continue;
    take_tasks(thread);
    if (busy_.fetch_sub(1, std::memory_order_release) == 1) busy_.notify_one();
  }
}

}  // namespace tessera
