#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "base/testing.h"

namespace tessera {
namespace {

TEST(ThreadPool, CallsEachTaskOnceWhateverTheNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::size_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<int> calls(tasks, 0);
      pool.for_each(tasks, [&](std::size_t task, int thread) {
        EXPECT_TRUE(thread >= 0 && thread < threads);
        ++calls[task];
      });
      EXPECT_EQ(calls, std::vector<int>(tasks, 1)) << threads << " threads";
    }
  }
}

TEST(ThreadPool, WhatOnePieceWroteTheNextOneReads) {
  ThreadPool pool(3);
  std::vector<std::int64_t> values(64, 1), sums(64);
  for (int round = 0; round < 200; ++round) {
    pool.for_each(64, [&](std::size_t i, int) { sums[i] = values[(i + 17) % 64] + 1; });
    pool.for_each(64, [&](std::size_t i, int) { values[i] = sums[i]; });
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), std::int64_t{0}), 64 * 201);
}

TEST(ThreadPool, WorksAgainAfterItsThreadsFellAsleep) {
  ThreadPool pool(3);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> calls = 0;
    pool.for_each(9, [&](std::size_t, int) { ++calls; });
    EXPECT_EQ(calls, 9);
  }
}

TEST(ThreadPool, LeavesCoresToOthersWhenAskedTo) {
  ThreadPool pool(4);
  for (const int used : {1, 3, 2, 4, 1, 4}) {
    pool.use(used);
    for (int round = 0; round < 20; ++round) {
      std::vector<int> calls(50, 0);
      pool.for_each(50, [&](std::size_t task, int thread) {
        EXPECT_LT(thread, used);
        ++calls[task];
      });
      EXPECT_EQ(calls, std::vector<int>(50, 1));
    }
  }
}

TEST(ThreadPool, ThrowsWhatATaskThrewAndGoesOn) {
  ThreadPool pool(2);
  EXPECT_EQ(error_of([&] {
              pool.for_each(8, [](std::size_t task, int) {
                if (task == 5) throw Error("task 5");
              });
            }),
            "task 5");
  int calls = 0;
  pool.for_each(1, [&](std::size_t, int) { ++calls; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace tessera
