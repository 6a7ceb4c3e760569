// How fast is the search for the nearest code? For codebooks of several sizes and dimensions,
// packing included, in turn with the matrix of distances (addmm) and its argmin, a slice of 64 MB
// after the other. Prints JSON.
//
//   build/release/bench_nearest_indices [THREADS]
#include "kernels/nearest_indices.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "base/version.h"
#include "kernels/instruction_set.h"
#include "kernels/machine_limits.h"
#include "tokenizer/code_distance.h"

namespace tessera {
namespace {

struct Shape {
  std::int64_t rows, codes, dim;
};
// The last one is an image of 32 px.
constexpr Shape kShapes[] = {{4096, 128, 8},    {4096, 1024, 8},   {4096, 16384, 8},
                             {1024, 131072, 8}, {4096, 16384, 4},  {4096, 16384, 16},
                             {2048, 16384, 32}, {512, 16384, 256}, {64, 16384, 8}};
constexpr std::size_t kLeastRuns = 20;
constexpr double kSeconds = 1;  // a measurement takes at least

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename Act>
double seconds_of(const Act& act) {
  const double start = seconds();
  act();
  return seconds() - start;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

torch::Tensor by_argmin(const torch::Tensor& z, const torch::Tensor& codebook) {
  auto indices = torch::empty({z.size(0)}, torch::kInt64);
  for_each_slice(z, codebook.size(0), [&](std::int64_t first, const torch::Tensor& slice) {
    indices.slice(0, first, first + slice.size(0)).copy_(code_distances(slice, codebook).argmin(1));
  });
  return indices;
}

// Sixty-four rows against the reference, bit for bit.
void check(const torch::Tensor& z, const torch::Tensor& codebook) {
  constexpr std::size_t kRows = 64;
  std::vector<std::int64_t> expected(kRows);
  std::vector<float> distances(kRows);
  kernels::nearest_indices_reference(
      static_cast<std::size_t>(codebook.size(0)), static_cast<std::size_t>(z.size(1)),
      codebook.data_ptr<float>(), kRows, z.data_ptr<float>(), expected.data(), distances.data());
  const auto found = nearest_indices(z, codebook);
  if (!std::equal(expected.begin(), expected.end(), found.data_ptr<std::int64_t>()))
    throw Error("bench_nearest_indices: an index is not the reference's");
}

double peak_flops_per_second(int threads) {
  double best = 0;
  for (int run = 0; run < 20; ++run) {
    std::vector<double> operations(static_cast<std::size_t>(threads));
    const double time = seconds_of([&] {
      at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto at = static_cast<std::size_t>(begin); at < static_cast<std::size_t>(end); ++at)
          operations[at] =
              kernels::multiply_in_registers(kernels::WeightType::float32, 500000).operations;
      });
    });
    best = std::max(best, std::accumulate(operations.begin(), operations.end(), 0.0) / time);
  }
  return best;
}

nlohmann::json measure(const Shape& shape, int threads) {
  torch::manual_seed(1);
  const auto z = torch::randn({shape.rows, shape.dim});
  const auto codebook = torch::randn({shape.codes, shape.dim});
  check(z, codebook);
  by_argmin(z, codebook);
  const double peak = peak_flops_per_second(threads);
  std::vector<double> times, argmin_times, ratios;
  const double start = seconds();
  while (times.size() < kLeastRuns || seconds() - start < kSeconds) {
    times.push_back(seconds_of([&] { nearest_indices(z, codebook); }));
    argmin_times.push_back(seconds_of([&] { by_argmin(z, codebook); }));
    ratios.push_back(argmin_times.back() / times.back());
  }
  const double best = *std::ranges::min_element(times);
  const double flops = 2.0 * static_cast<double>(shape.rows * shape.codes * shape.dim);
  return {{"rows", shape.rows},
          {"codes", shape.codes},
          {"codebook_dim", shape.dim},
          {"runs", times.size()},
          {"seconds", median(times)},
          {"best_seconds", best},
          {"argmin_seconds", median(argmin_times)},
          {"best_argmin_seconds", *std::ranges::min_element(argmin_times)},
          {"argmin_by_kernel", median(ratios)},
          {"flops_per_second", flops / best},
          {"peak_flops_per_second", peak},
          {"share_of_peak", flops / best / peak}};
}

void run(int threads) {
  if (const char* name = std::getenv("TESSERA_ISA")) {
    const auto set = kernels::find_instruction_set(name);
    if (!set || !kernels::is_available(*set))
      throw Error("TESSERA_ISA: found '" + std::string(name) + "', which this machine lacks");
    kernels::use_instruction_set(*set);
  }
  at::set_num_threads(threads);
  nlohmann::json results = {{"made_by", made_by(0)},
                            {"processor", processor_name()},
                            {"threads", threads},
                            {"instruction_set", kernels::name_of(kernels::instruction_set())}};
  for (const Shape& shape : kShapes) results["searches"].push_back(measure(shape, threads));
  std::cout << results.dump(2) << "\n";
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) try {
  tessera::run(count > 1 ? std::atoi(arguments[1]) : 1);
  return 0;
} catch (const tessera::Error& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
