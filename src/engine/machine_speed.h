#pragma once

#include "base/thread_pool.h"
#include "engine/aligned_buffer.h"
#include "kernels/machine_limits.h"

namespace tessera {

// What this machine can do at most, all threads of a pool together. On shared machines that changes
// from second to second, so benchmarks ask again and again between what they hold against it.

/// Operations per second of products of a weight type in registers; takes some milliseconds.
double arithmetic_limit(kernels::WeightType type, ThreadPool& pool);

/// How fast memory is read.
class ReadLimit {
 public:
  /// Takes 512 MB, which no cache holds.
  explicit ReadLimit(ThreadPool& pool);
  /// Bytes per second, now; takes some hundredths of a second.
  double measure();

 private:
  ThreadPool& pool_;
  AlignedBuffer memory_;
};

/// Of repeated measurements.
struct Spread {
  double least, median, most;
};
Spread spread_of(std::vector<double> values);

}  // namespace tessera
