#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/run_options.h"

namespace tessera {

/// One tokenizer and the generator trained on its tokens, from images to measurements.
struct ArmOptions : RunOptions {
  std::string name;
  std::string recipe;                  ///< path of a TOML recipe
  std::vector<std::string> overrides;  ///< "table.key=value"
  std::vector<std::string>
      data;  ///< training images; data.valid_fraction of them chooses the guidance
  std::vector<std::string> held_out;  ///< test images, measured once; empty: the held-out training
                                      ///< images serve instead
  std::string loss_features, metric_features;  ///< folders of two different feature networks
  fs::path folder;                             ///< everything is written here
  int encoded_images = 0;     ///< training images the generator learns from; 0 is all
  int samples = 2000;         ///< images drawn for the measurements
  int search_samples = 1000;  ///< images drawn for each scale of guidance tried
  int held_out_images = 0;    ///< test images measured; 0 is all
  std::vector<double> guidance = {1.0, 1.5, 2.0};
};

/// Runs what is not done yet and returns {"tokenizer", "generator", "reconstruction", "likelihood",
/// "generation"}. Each stage leaves its result in <folder>/stages, so that a killed run goes on
/// where it was.
nlohmann::json run_arm(const ArmOptions& options);

}  // namespace tessera
