#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace tessera {

/// Makes items first, first + 1, .. in threads, a few ahead of the consumer, and hands them out in
/// that order. `make(i)` depends on i alone, so the number of threads changes nothing but the time.
template <typename Item>
class Prefetch {
 public:
  /// Makes items up to `end` - 1; at most threads + 1 of them wait at any time.
  Prefetch(std::int64_t first, std::int64_t end, int threads,
           std::function<Item(std::int64_t)> make)
      : next_(first), to_make_(first), end_(end), ahead_(threads + 1), make_(std::move(make)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Prefetch() {
    {
      const std::lock_guard lock(mutex_);
      end_ = to_make_;
    }
    changed_.notify_all();
  }

  /// The next item; rethrows what its making threw. Not to be called beyond the end, or after a
  /// throw.
  Item next() {
    std::unique_lock lock(mutex_);
    TESSERA_CHECK(next_ < end_);
    changed_.wait(lock, [&] { return made_.contains(next_); });
    auto result = std::move(made_.extract(next_++).mapped());
    lock.unlock();
    changed_.notify_all();
    if (result.error) std::rethrow_exception(result.error);
    return std::move(*result.item);
  }

 private:
  struct Result {
    std::optional<Item> item;
    std::exception_ptr error;
  };

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return to_make_ >= end_ || to_make_ < next_ + ahead_; });
      if (to_make_ >= end_) return;
      const auto index = to_make_++;
      lock.unlock();
      Result result = make(index);
      lock.lock();
      made_.emplace(index, std::move(result));
      changed_.notify_all();
    }
  }

  Result make(std::int64_t index) {
    try {
      return {make_(index), nullptr};
    } catch (...) {
      return {std::nullopt, std::current_exception()};
    }
  }

  std::mutex mutex_;  // guards the next five
  std::condition_variable changed_;
  std::int64_t next_, to_make_, end_;
  std::map<std::int64_t, Result> made_;
  std::int64_t ahead_;
  std::function<Item(std::int64_t)> make_;
  std::vector<std::jthread> threads_;  // last, so that they end before what they use
};

}  // namespace tessera
