#pragma once

#include "base/thread_pool.h"
#include "kernels/machine_limits.h"

namespace tessera {

/// What this machine can do at most, all threads of a pool together.
struct MachineSpeed {
  double read_bytes_per_second = 0;  ///< from memory
  double flops_per_second = 0;       ///< products of a weight type, in registers
};

/// The best of some short runs. Takes about a second and 512 MB.
MachineSpeed measure_speed(kernels::WeightType type, ThreadPool& pool);

MachineSpeed fastest(const MachineSpeed& a, const MachineSpeed& b);

}  // namespace tessera
