#include "engine/bench_decode.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "base/progress.h"
#include "base/version.h"
#include "engine/machine_speed.h"
#include "engine/thread_count.h"
#include "engine/token_transformer.h"
#include "kernels/instruction_set.h"
#include "models/instruction_set_choice.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;

constexpr GeneratorShape kImageNet = {
    .vocabulary = 16384, .classes = 1000, .grid_rows = 16, .grid_columns = 16};
constexpr int kWarmUpSteps = 3;

CacheType cache_named(const std::string& name, WeightType weights) {
  if (name == "auto") return weights == WeightType::float32 ? CacheType::float32 : CacheType::bf16;
  if (name == "float32") return CacheType::float32;
  if (name == "bf16") return CacheType::bf16;
  if (name == "int8") return CacheType::int8;
  throw UsageError("--cache is '" + name + "', expected auto, float32, bf16 or int8");
}

/// Sequences of random tokens, any position of which can be stepped.
class Sequences {
 public:
  Sequences(TokenTransformer& transformer, std::size_t rows)
      : transformer_(transformer), logits_(rows * transformer.vocabulary()) {
    for (std::size_t row = 0; row < rows; ++row) {
      caches_.emplace_back(transformer.cache_bytes());
      std::memset(caches_.back().data(), 0, caches_.back().size());
    }
  }
  void step(std::size_t position) {
    std::vector<SequenceStep> rows;
    for (std::size_t row = 0; row < caches_.size(); ++row)
      rows.push_back({static_cast<std::int32_t>((row * 37 + position * 101) % 1000), position,
                      caches_[row].data()});
    transformer_.step(rows, logits_.data());
  }
  std::span<const float> logits(std::size_t row) const {
    return {logits_.data() + row * transformer_.vocabulary(), transformer_.vocabulary()};
  }

 private:
  TokenTransformer& transformer_;
  std::vector<AlignedBuffer> caches_;
  AlignedArray<float> logits_;
};

// The logits of the last of `rows` sequences after some positions.
std::vector<float> checked_logits(const GeneratorWeights& weights, CacheType cache,
                                  std::size_t rows, ThreadPool& pool) {
  TokenTransformer transformer(weights, cache, rows, pool);
  Sequences sequences(transformer, rows);
  for (std::size_t position = 0; position < 3; ++position) sequences.step(position);
  const auto logits = sequences.logits(0);
  return {logits.begin(), logits.end()};
}

// With two layers of the same width, so that float32 weights of a large model are not needed.
double check(GeneratorConfig config, WeightType type, CacheType cache, std::size_t rows,
             ThreadPool& pool) {
  config.layers = std::min(config.layers, 2);
  const auto weights = GeneratorWeights::random(config, kImageNet, type, pool);
  const auto exact = GeneratorWeights::random(config, kImageNet, WeightType::float32, pool);
  const auto found = checked_logits(weights, cache, rows, pool);
  if (found != checked_logits(weights, cache, 1, pool))
    throw Error("a sequence's logits differ in other company, expected the same");
  const auto expected = checked_logits(exact, CacheType::float32, 1, pool);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    error += std::pow(double{found[i]} - expected[i], 2);
    size += std::pow(double{expected[i]}, 2);
  }
  const double relative = std::sqrt(error / size);
  const double bound = type == WeightType::float32 ? 1e-5 : type == WeightType::int4 ? 0.3 : 0.03;
  if (!(relative < bound))
    throw Error("the logits are off by " + std::to_string(relative) + " of their size, expected " +
                std::to_string(bound) + " at most");
  return relative;
}

// Two for each product that is summed, those of attention included.
double step_flops(const GeneratorConfig& config, double rows, double mean_length) {
  const double dim = config.dim, ffn = config.ffn_dim();
  const double layer = 4 * dim * dim + 3 * dim * ffn + 2 * mean_length * dim;
  return 2 * rows * (config.layers * layer + dim * kImageNet.vocabulary);
}

}  // namespace

nlohmann::json bench_decode(const DecodeBenchOptions& options) {
  choose_instruction_set();
  GeneratorConfig config{.qk_norm = false};
  apply_preset(config, options.preset);
  const auto type = weight_type_named(options.weights, "--weights");
  const auto cache = cache_named(options.cache, type);
  const auto rows = static_cast<std::size_t>(options.rows);
  ThreadPool pool(thread_count(options.threads));
  const double error = check(config, type, cache, rows, pool);

  const auto weights = GeneratorWeights::random(config, kImageNet, type, pool);
  TokenTransformer transformer(weights, cache, rows, pool);
  Sequences sequences(transformer, rows);
  const auto positions = static_cast<std::size_t>(kImageNet.positions());
  for (int step = 0; step < kWarmUpSteps; ++step) sequences.step(positions / 2);
  ReadLimit memory(pool);
  const auto bytes = static_cast<double>(weights.bytes_per_step());
  std::vector<double> seconds, shares, reading, computing;
  double lengths = 0;
  Progress progress("bench decode", options.steps, options.quiet);
  for (int step = 0; step < options.steps; ++step) {
    stop_if_interrupted();
    const auto position =
        static_cast<std::size_t>(step) * positions / static_cast<std::size_t>(options.steps);
    lengths += static_cast<double>(position) + 1;
    reading.push_back(memory.measure());  // before each step, since limits change
    computing.push_back(arithmetic_limit(type, pool));
    const auto start = std::chrono::steady_clock::now();
    sequences.step(position);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    shares.push_back(std::max(bytes / reading.back(),
                              step_flops(config, options.rows, static_cast<double>(position) + 1) /
                                  computing.back()) /
                     seconds.back());
    progress.update(step + 1);
  }
  progress.finish();
  const auto spread = spread_of(seconds);
  const double flops = step_flops(config, options.rows, lengths / options.steps),
               read_limit = spread_of(reading).median, compute_limit = spread_of(computing).median;
  return {{"preset", options.preset},
          {"weights", options.weights},
          {"rows", options.rows},
          {"steps", options.steps},
          {"steps_per_second", 1 / spread.median},
          {"rows_per_second", options.rows / spread.median},
          {"seconds_per_step",
           {{"median", spread.median}, {"fastest", spread.least}, {"slowest", spread.most}}},
          {"flops_per_second", flops / spread.median},
          {"peak_flops_per_second", compute_limit},
          {"weight_bytes", bytes},
          {"weight_bytes_per_second", bytes / spread.median},
          {"read_bytes_per_second", read_limit},
          {"bound_by", bytes / read_limit > flops / compute_limit ? "memory" : "arithmetic"},
          {"share", spread_of(shares).median},
          {"check", {{"relative_error", error}}},
          {"peak_rss_bytes", peak_resident_bytes()},
          {"instruction_set", kernels::name_of(kernels::instruction_set())},
          {"threads", pool.threads()},
          {"processor", processor_name()},
          {"seed", options.seed},
          {"data", "random"},
          {"made_by", made_by(options.seed)}};
}

}  // namespace tessera
