#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

/// A budget: what is 0 does not limit.
struct AdviseOptions : RunOptions {
  std::string study;               ///< folder
  double train_flops = 0;          ///< of both stages; 0 is the most that was fitted
  double parameters = 0;           ///< of the generator, at most
  double ms_per_image = 0;         ///< to draw the tokens of a guided image, at most
  double flops_per_second = 1e11;  ///< while drawing
  std::string metric = "fd";       ///< what decides; lower is better
  int samples = 1000;              ///< of the bootstrap
  bool back_test = false;
};

/// The design for a budget, from the rows of DIR/results.json that keep to it: the one whose curve
/// (design_fits.h) is lowest at that compute, with the generator that was best there and what one
/// run would measure. With `back_test` also how well the curves predicted the largest runs
/// (backtest.h). docs/formats/study.md says what it returns. Throws Error when there is no budget,
/// when nothing measured keeps to it, or when no design could be fitted.
nlohmann::json advise(const AdviseOptions& options);

}  // namespace tessera
