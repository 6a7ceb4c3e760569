#include "engine/machine_speed.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace tessera {
namespace {

constexpr std::size_t kReadBytes = std::size_t{512} << 20;
constexpr std::size_t kRounds = 400'000;

double seconds_of(const auto& act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double arithmetic_limit(kernels::WeightType type, ThreadPool& pool) {
  std::vector<kernels::Arithmetic> done(static_cast<std::size_t>(pool.threads()));
  const double seconds = seconds_of([&] {
    pool.for_each(done.size(), [&](std::size_t index, int) {
      done[index] = kernels::multiply_in_registers(type, kRounds);
    });
  });
  double operations = 0;
  for (const auto& each : done) operations += each.operations;
  return operations / seconds;
}

ReadLimit::ReadLimit(ThreadPool& pool) : pool_(pool), memory_(kReadBytes) {
  std::memset(memory_.data(), 1, kReadBytes);
}

double ReadLimit::measure() {
  const auto parts = static_cast<std::size_t>(pool_.threads());
  const std::size_t part = kReadBytes / parts / 256 * 256;
  std::atomic<std::uint32_t> sum = 0;
  const double seconds = seconds_of([&] {
    pool_.for_each(parts, [&](std::size_t index, int) {
      sum += kernels::read_memory(memory_.data() + index * part, part);
    });
  });
  return static_cast<double>(part * parts) / seconds;
}

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

}  // namespace tessera
