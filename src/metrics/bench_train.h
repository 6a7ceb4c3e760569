#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct TrainBenchOptions : RunOptions {
  std::string shape;                ///< "vq16-256", "generator-b" or a recipe's path
  std::string stage = "tokenizer";  ///< of a recipe: "tokenizer" or "generator"
  int batch = 0;                    ///< images or sequences per step; 0 is the shape's own
  int steps = 20;                   ///< measured, after two to warm up
};

/// Speed of whole training steps (forward, losses, backward, clipping, AdamW) on random data:
/// median, spread, useful floating-point operations (3 x forward) and their share of what a 2048^3
/// matrix product reaches in the same run. Throws Error when the loss is not finite or a weight
/// matrix gets no gradient.
nlohmann::json bench_train(const TrainBenchOptions& options);

}  // namespace tessera
