#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/run_options.h"

namespace tessera {

/// The two networks that images are judged by: `loss` serves the perceptual loss, `metric` only the
/// measurements, so that no model is trained on what it is measured with.
struct FeatureNetworks {
  fs::path folder;
  std::string recipe;
  std::vector<std::string> data;
  std::vector<std::string> set;  ///< "table.key=value" changes of the recipe
  int steps = 0;                 ///< instead of the usual number; 0 keeps it

  std::string path(const std::string& name) const { return (folder / name).string(); }
  /// Trains one of the two, or reads what an earlier call left. Neither depends on the seed of the
  /// models.
  nlohmann::json train(const std::string& name, const RunOptions& options) const;
};

}  // namespace tessera
