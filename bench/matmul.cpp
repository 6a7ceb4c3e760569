// How fast are products with packed weights? Those of a decoding step of generator B, for every
// weight type and number of rows, beside what the machine can read and multiply at most. Prints
// JSON.
//
//   build/release/bench_matmul [THREADS] [WEIGHTS] [ROWS]
#include "kernels/matmul.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "base/version.h"
#include "kernels/instruction_set.h"
#include "kernels/machine_limits.h"

namespace tessera {
namespace {

using kernels::PackedMatrix;
using kernels::WeightType;

struct Named {
  WeightType type;
  const char* name;
};
constexpr Named kTypes[] = {{WeightType::float32, "float32"},
                            {WeightType::bf16, "bf16"},
                            {WeightType::int8, "int8"},
                            {WeightType::int4, "int4"}};

struct Shape {
  std::size_t inputs, outputs;
};
constexpr Shape kLayer[] = {{768, 2304}, {768, 768}, {768, 4096}, {2048, 768}};
constexpr Shape kHead = {768, 16384};
constexpr int kLayers = 12;
constexpr std::size_t kMostRows = 128, kMostInputs = 2048;
constexpr double kSeconds = 0.3;                             // a measurement takes
constexpr std::size_t kLeastBytes = std::size_t{400} << 20;  // more than a last-level cache holds

struct Memory {
  explicit Memory(std::size_t size)
      : bytes(static_cast<std::byte*>(std::aligned_alloc(4096, (size + 4095) / 4096 * 4096)),
              std::free) {}
  std::byte* data() const { return bytes.get(); }
  std::unique_ptr<std::byte, void (*)(void*)> bytes;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename Act>
double seconds_of(const Act& act) {
  const double start = seconds();
  act();
  return seconds() - start;
}

std::vector<float> random_numbers(std::size_t count) {
  Rng rng(1);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(rng.uniform()) - 0.5f;
  return numbers;
}

// The matrices of decoding steps, one model after the other. A panel's numbers are the same in each
// matrix, but not its memory.
struct Models {
  explicit Models(WeightType type) : memory(kLeastBytes * 3) {
    std::size_t used = 0;
    while (used < kLeastBytes) {
      models.emplace_back();
      for (int layer = 0; layer < kLayers; ++layer)
        for (const Shape shape : kLayer) add(type, shape, used);
      add(type, kHead, used);
    }
    bytes_a_model = used / models.size();
  }

  void add(WeightType type, Shape shape, std::size_t& used) {
    static const auto numbers = random_numbers(64 * kMostInputs);
    PackedMatrix matrix{type, shape.outputs, shape.inputs, memory.data() + used};
    const std::size_t bytes = kernels::packed_bytes(type, 64, shape.inputs);
    kernels::pack_panel({type, 64, shape.inputs, nullptr}, 0, numbers.data(), memory.data() + used);
    for (std::size_t panel = 1; panel < matrix.panels(); ++panel)
      std::memcpy(memory.data() + used + panel * bytes, matrix.bytes, bytes);
    used += matrix.panels() * bytes;
    models.back().push_back(matrix);
    weights_a_model =
        models.size() == 1 ? weights_a_model + shape.inputs * shape.outputs : weights_a_model;
  }

  Memory memory;
  std::vector<std::vector<PackedMatrix>> models;
  std::size_t bytes_a_model = 0, weights_a_model = 0;
};

void multiply(ThreadPool& pool, const PackedMatrix& matrix, std::size_t rows,
              const std::byte* prepared, float* out) {
  const std::size_t run = kernels::panels_a_task(matrix, pool.threads());
  const std::size_t panels = matrix.panels();
  pool.for_each((panels + run - 1) / run, [&](std::size_t task, int) {
    for (std::size_t panel = task * run; panel < std::min(panels, (task + 1) * run); ++panel)
      kernels::multiply_panel(matrix, panel, rows, prepared, out, matrix.outputs);
  });
}

// One row of the first matrix against double precision.
void check(ThreadPool& pool, const PackedMatrix& matrix, const std::vector<float>& x,
           const std::byte* prepared, float* out) {
  std::vector<float> weights(matrix.outputs * matrix.inputs);
  for (std::size_t panel = 0; panel < matrix.panels(); ++panel)
    kernels::unpack_panel(matrix, panel, weights.data());
  multiply(pool, matrix, 1, prepared, out);
  for (std::size_t n = 0; n < matrix.outputs; ++n) {
    double exact = 0, squares = 0;
    for (std::size_t k = 0; k < matrix.inputs; ++k) {
      const double term = static_cast<double>(weights[n * matrix.inputs + k]) * x[k];
      exact += term, squares += term * term;
    }
    // Activations are rounded to 8 bits at the worst.
    if (!(std::abs(out[n] - exact) < 0.1 * std::sqrt(squares)))
      throw Error("bench_matmul: a product is wrong: " + std::to_string(out[n]) + ", not " +
                  std::to_string(exact));
  }
}

// Other work on the machine can only make a run slower: the best of many short ones, as many and as
// short as the products' own.
double read_bytes_per_second(ThreadPool& pool, const Models& models) {
  constexpr std::size_t kParts = 16, kUnit = 4096;
  const std::size_t part = models.bytes_a_model / kParts / kUnit * kUnit;
  double best = 1e9;
  const double start = seconds();
  for (std::size_t run = 0; run < 5 || seconds() - start < kSeconds; ++run) {
    const std::byte* from = models.models[run % models.models.size()][0].bytes;
    best = std::min(best, seconds_of([&] {
                      pool.for_each(kParts, [&](std::size_t at, int) {
                        kernels::read_memory(from + at * part, part);
                      });
                    }));
  }
  return static_cast<double>(part * kParts) / best;
}

double peak_flops_per_second(ThreadPool& pool, WeightType type) {
  double best = 0;
  for (int run = 0; run < 20; ++run) {
    const std::size_t threads = static_cast<std::size_t>(pool.threads());
    std::vector<double> done(threads);
    const double time = seconds_of([&] {
      pool.for_each(threads, [&](std::size_t thread, int) {
        done[thread] = kernels::multiply_in_registers(type, 500000).operations;
      });
    });
    double sum = 0;
    for (const double of_thread : done) sum += of_thread;
    best = std::max(best, sum / time);
  }
  return best;
}

nlohmann::json measure(ThreadPool& pool, const Models& models, std::size_t rows,
                       const std::vector<float>& x, nlohmann::json limits) {
  const WeightType type = models.models[0][0].type;
  const Memory results(kMostRows * kHead.outputs * sizeof(float));
  auto* out = reinterpret_cast<float*>(results.data());
  Memory prepared(kMostRows * kernels::prepared_bytes(WeightType::float32, kMostInputs));
  const auto prepare = [&](std::size_t inputs) {
    const std::size_t bytes = kernels::prepared_bytes(type, inputs);
    for (std::size_t row = 0; row < rows; ++row)
      kernels::prepare_row(type, inputs, &x[row * kMostInputs], prepared.data() + row * bytes);
  };
  prepare(kLayer[0].inputs);
  check(pool, models.models[0][0], x, prepared.data(), out);

  std::vector<double> times;
  double products = 0;  // of the last run, without preparing rows
  double best_products = 1e9;
  const double start = seconds();
  for (std::size_t run = 0; run < 5 || seconds() - start < kSeconds; ++run) {
    products = 0;
    times.push_back(seconds_of([&] {
      for (const PackedMatrix& matrix : models.models[run % models.models.size()]) {
        prepare(matrix.inputs);
        products += seconds_of([&] { multiply(pool, matrix, rows, prepared.data(), out); });
      }
    }));
    best_products = std::min(best_products, products);
  }
  std::ranges::sort(times);
  const double flops = 2.0 * static_cast<double>(models.weights_a_model * rows);
  nlohmann::json result = limits;
  result["rows"] = rows;
  result["seconds"] = times[times.size() / 2];
  result["best_seconds"] = times[0];
  result["best_products_seconds"] = best_products;
  result["weight_bytes_per_second"] = static_cast<double>(models.bytes_a_model) / best_products;
  result["flops_per_second"] = flops / best_products;
  result["share_of_reading"] = result["weight_bytes_per_second"].get<double>() /
                               limits["read_bytes_per_second"].get<double>();
  result["share_of_peak"] = flops / best_products / limits["peak_flops_per_second"].get<double>();
  return result;
}

void run(int threads, const std::string& only_type, std::size_t only_rows) {
  if (const char* name = std::getenv("TESSERA_ISA")) {
    const auto set = kernels::find_instruction_set(name);
    if (!set || !kernels::is_available(*set))
      throw Error("TESSERA_ISA: found '" + std::string(name) + "', which this machine lacks");
    kernels::use_instruction_set(*set);
  }
  ThreadPool pool(threads);
  const auto x = random_numbers(kMostRows * kMostInputs);
  nlohmann::json results = {{"made_by", made_by(0)},
                            {"processor", processor_name()},
                            {"threads", threads},
                            {"instruction_set", kernels::name_of(kernels::instruction_set())}};
  for (const auto& [type, name] : kTypes) {
    if (!only_type.empty() && only_type != name) continue;
    const Models models(type);
    for (const std::size_t rows : {1, 2, 4, 8, 16, 32, 64, 128}) {
      if (only_rows != 0 && only_rows != rows) continue;
      nlohmann::json limits = {{"weights", name},
                               {"read_bytes_per_second", read_bytes_per_second(pool, models)},
                               {"peak_flops_per_second", peak_flops_per_second(pool, type)}};
      results["products"].push_back(measure(pool, models, rows, x, limits));
    }
  }
  std::cout << results.dump(2) << "\n";
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) try {
  tessera::run(count > 1 ? std::atoi(arguments[1]) : 2, count > 2 ? arguments[2] : "",
               count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 0);
  return 0;
} catch (const tessera::Error& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
