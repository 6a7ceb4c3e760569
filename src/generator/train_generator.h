#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

struct TrainGeneratorOptions : RunOptions {
  std::string recipe;                  ///< path of a TOML recipe
  std::vector<std::string> overrides;  ///< "table.key=value"
  std::string tokens;                  ///< token file to learn
  std::string
      valid_tokens;    ///< held-out tokens; empty: data.valid_fraction of `tokens` is held out
  std::string preset;  ///< LlamaGen's "B" .. "3B" instead of the recipe's shape; empty keeps it
  std::string init;    ///< model folder whose weights training starts from; empty: chance
  std::string branch;  ///< model folder of a run of other length to go on from; empty: none
  std::string out;     ///< model folder to write
  int steps = 0;       ///< instead of the recipe's; 0 keeps it
  bool resume = false;
};

/// Stage 2. Returns the last validation, steps, seconds, FLOPs, parameters and hashes. Throws Error
/// on bad input, such as validation tokens of another tokenizer. With `branch`, begins from the
/// last checkpoint of a run that differs in its number of steps and its decay alone, and whose rate
/// had not begun to fall: what the whole run would have come to, without its first steps.
nlohmann::json train_generator(const TrainGeneratorOptions& options);

}  // namespace tessera
