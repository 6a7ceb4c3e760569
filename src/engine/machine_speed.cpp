#include "engine/machine_speed.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "engine/aligned_buffer.h"

namespace tessera {
namespace {

constexpr int kRuns = 5;
constexpr std::size_t kReadBytes = std::size_t{512} << 20;
constexpr std::size_t kRounds = 2'000'000;

double seconds_of(const auto& act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double read_speed(ThreadPool& pool) {
  const AlignedBuffer memory(kReadBytes);
  std::memset(memory.data(), 1, kReadBytes);
  const auto parts = static_cast<std::size_t>(pool.threads());
  const std::size_t part = kReadBytes / parts / 256 * 256;
  std::atomic<std::uint32_t> sum = 0;
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double seconds = seconds_of([&] {
      pool.for_each(parts, [&](std::size_t index, int) {
        sum += kernels::read_memory(memory.data() + index * part, part);
      });
    });
    best = std::max(best, static_cast<double>(part * parts) / seconds);
  }
  return best;
}

double arithmetic_speed(kernels::WeightType type, ThreadPool& pool) {
  const auto parts = static_cast<std::size_t>(pool.threads());
  std::vector<kernels::Arithmetic> done(parts);
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double seconds = seconds_of([&] {
      pool.for_each(parts, [&](std::size_t index, int) {
        done[index] = kernels::multiply_in_registers(type, kRounds);
      });
    });
    double operations = 0;
    for (const auto& each : done) operations += each.operations;
    best = std::max(best, operations / seconds);
  }
  return best;
}

}  // namespace

MachineSpeed measure_speed(kernels::WeightType type, ThreadPool& pool) {
  return {read_speed(pool), arithmetic_speed(type, pool)};
}

MachineSpeed fastest(const MachineSpeed& a, const MachineSpeed& b) {
  return {std::max(a.read_bytes_per_second, b.read_bytes_per_second),
          std::max(a.flops_per_second, b.flops_per_second)};
}

}  // namespace tessera
