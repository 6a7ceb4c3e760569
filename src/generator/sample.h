#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct SampleOptions : RunOptions {
  std::string generator;        ///< model folder
  std::string tokenizer;        ///< model folder of the tokenizer whose tokens the generator learnt
  std::string classes = "all";  ///< see parse_classes
  int count = 8;                ///< images per class
  int batch = 256;              ///< images at a time
  std::optional<double> cfg, temperature,
      top_p;  ///< what is absent comes from the generator's recipe
  std::optional<int> top_k;
  std::string out;         ///< PNG of a grid, a class after the other; empty: none
  std::string out_dir;     ///< folder for one folder of PNG files per class; empty: none
  std::string tokens_out;  ///< token file; empty: none
};

/// Draws images of each class. Returns counts, the settings of sampling, seconds and hashes. Throws
/// Error on bad input, such as a tokenizer that the generator does not know.
nlohmann::json sample_images(const SampleOptions& options);

}  // namespace tessera
