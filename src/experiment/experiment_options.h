// experiment/ takes one tokenizer, or one generator on its tokens, from images to measurements, in
// stages that a killed run does not repeat. The demo and the study are made of these.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/run_options.h"

namespace tessera {

/// What is trained, on which images, and how it is measured.
struct ExperimentOptions : RunOptions {
  std::string recipe;                  ///< path of a TOML recipe
  std::vector<std::string> overrides;  ///< "table.key=value"
  std::vector<std::string>
      data;  ///< training images; data.valid_fraction of them chooses the guidance
  std::vector<std::string> held_out;  ///< test images, measured once; empty: the held-out training
                                      ///< images serve instead
  std::string loss_features, metric_features;  ///< folders of two different feature networks
  int encoded_images = 0;     ///< training images the generator learns from; 0 is all
  int samples = 2000;         ///< images drawn for the measurements
  int search_samples = 1000;  ///< images drawn for each scale of guidance tried
  int held_out_images = 0;    ///< test images measured; 0 is all
  std::vector<double> guidance = {1.0, 1.5, 2.0};
  bool nearest_train = true;  ///< look for copies of training images among the samples
};

/// The options that every command shares, for a stage of an experiment.
template <typename T>
T stage_options(const RunOptions& options) {
  T result;
  static_cast<RunOptions&>(result) = options;
  result.json.clear();
  return result;
}

}  // namespace tessera
