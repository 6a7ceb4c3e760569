#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

struct TrainFeaturesOptions : RunOptions {
  std::vector<std::string> data;
  std::string out;     ///< model folder to write
  std::string recipe;  ///< its [data] table says how images are read; empty is the defaults
  std::vector<std::string> overrides;  ///< "table.key=value" changes of the recipe
  int image_size = 0;                  ///< pixels per side; 0 is the recipe's
  int width = 48;                      ///< channels of the first level
  int steps = 1500;
  int batch_size = 128;
  double learning_rate = 1e-2;
  bool resume = false;
};

/// Trains a feature network on the classes of the images, or on telling quarter turns apart when
/// there is one class. Returns {"task", "steps", "seconds", "valid": {"accuracy", "images"}, ...}.
/// Throws Error on bad options or data.
nlohmann::json train_features(const TrainFeaturesOptions& options);

/// The command: trains, writes the results, prints a line.
void run_train_features(const TrainFeaturesOptions& options);

}  // namespace tessera
