#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

/// Lower is better for each.
inline const std::vector<std::string> kFittedMetrics = {"fd", "nats_per_token", "bits_per_image"};

struct FitOptions : RunOptions {
  std::string study;   ///< folder
  int samples = 1000;  ///< of the bootstrap
};

/// Fits L(C) = l_min + C^alpha * e^lambda for every design and metric of DIR/results.json to the
/// best that each seed got for its compute (design_fits.h), compares the designs that have a sweep
/// in common, and writes DIR/fits.json (docs/formats/study.md), which it returns.
nlohmann::json fit_study(const FitOptions& options);

}  // namespace tessera
