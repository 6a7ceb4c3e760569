// samples/ is what drawing images asks for and leaves, whichever backend draws them.
#pragma once

#include <optional>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct SampleOptions : RunOptions {
  std::string pipeline;         ///< folder of both models; empty: the next two
  std::string generator;        ///< model folder
  std::string tokenizer;        ///< model folder of the tokenizer whose tokens the generator learnt
  std::string classes = "all";  ///< see parse_classes
  int count = 8;                ///< images per class
  int total = 0;                ///< above 0: images of all classes, see plan_samples
  int batch = 256;              ///< images at a time
  std::optional<double> cfg, temperature,
      top_p;  ///< what is absent comes from the generator's recipe
  std::optional<int> top_k;
  std::string cfg_schedule;      ///< see parse_guidance_schedule; empty: the generator's recipe's
  std::string out;               ///< PNG of a grid, a class after the other; empty: none
  std::string out_dir;           ///< folder for one folder of PNG files per class; empty: none
  std::string tokens_out;        ///< token file; empty: none
  std::string backend;           ///< "engine", "torch", or empty: the engine on the CPU, else torch
  std::string weights = "auto";  ///< engine: auto, float32, bf16, int8 or int4
  std::string cache = "auto";    ///< engine: auto, float32, bf16 or int8
};

/// Throws Error when nothing is asked for or a folder is in the way.
void check_options(const SampleOptions& options);

}  // namespace tessera
