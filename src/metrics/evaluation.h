#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"
#include "dataset/image_set.h"

namespace tessera {

struct EvaluateReconstructionOptions : RunOptions {
  std::string tokenizer;  ///< model folder
  std::vector<std::string> data;
  Split split = Split::all;
  std::string features;    ///< model folder of a feature network; empty leaves "fd" out
  std::int64_t limit = 0;  ///< images, evenly spread; 0 is all
  int image_size = 0;      ///< pixels per side; 0 is the tokenizer's recipe's
};

struct EvaluateGenerationOptions : RunOptions {
  std::vector<std::string> real;  ///< held-out images
  std::vector<std::string> generated;
  std::vector<std::string> train;  ///< training images, for nearest_train; empty leaves it out
  Split split = Split::all;  ///< of the real images; `valid` is set beside `train` of the others
  std::string features;      ///< model folder; empty leaves "fd" and its kin out
  std::string protocol =
      "all";           ///< "all" images, or exactly that many generated ones: "10k", "5000"
  int image_size = 0;  ///< pixels per side; 0 is what the features were trained on, else 32
  std::int64_t nearest_images =
      1000;  ///< generated and held-out images looked up among the training images
};

// JSON keys: docs/formats/results.md. Both throw Error on bad input.
nlohmann::json evaluate_reconstruction(const EvaluateReconstructionOptions& options);
nlohmann::json evaluate_generation(const EvaluateGenerationOptions& options);

// The commands: evaluate, write the results, print a summary.
void run_evaluate_reconstruction(const EvaluateReconstructionOptions& options);
void run_evaluate_generation(const EvaluateGenerationOptions& options);

}  // namespace tessera
