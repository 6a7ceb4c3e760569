#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

struct TrainTokenizerOptions : RunOptions {
  std::string recipe;                   ///< path of a TOML recipe
  std::vector<std::string> overrides;   ///< "table.key=value"
  std::vector<std::string> data;        ///< what --data names
  std::vector<std::string> valid_data;  ///< held-out images; empty: a share of `data` is held out
  std::string features;  ///< folder of the perceptual loss's network; empty: the term must be off
  std::string init;      ///< model folder whose weights training starts from; empty: chance
  std::vector<std::string> freeze;  ///< parts that do not learn: "encoder", "quantizer", "decoder"
  std::string out;                  ///< model folder to write
  int steps = 0;                    ///< instead of the recipe's; 0 keeps it
  bool resume = false;
};

/// Stage 1. Returns the last validation, steps, seconds, FLOPs and parameters. Throws Error on bad
/// input.
nlohmann::json train_tokenizer(const TrainTokenizerOptions& options);

}  // namespace tessera
