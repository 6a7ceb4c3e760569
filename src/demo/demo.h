// demo/ runs the whole path, from images to generated images and a report, for several tokenizers
// side by side.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

struct DemoOptions : RunOptions {
  bool quick = false;  ///< the whole path in 90 seconds, too short to learn much
  std::string out = "demo";
  std::string recipe;  ///< empty: recipes/fashion-mnist.toml, found beside the program
  std::vector<std::string> data = {"fashion-mnist"};
  std::vector<std::string> held_out = {"fashion-mnist-test"};
  bool search = false;  ///< measure on held-out training images instead: to choose settings by
  std::vector<std::string> arms;  ///< "name: table.key=value ..."; empty: plain and CRT
  std::string features;           ///< folder of both feature networks; empty: <out>/features
  int samples = 2000;             ///< per arm, for the measurements
  std::vector<double> guidance = {1.0, 1.5, 2.0};  ///< scales tried on held-out training images
};

/// Trains, samples and measures every arm, then writes <out>/results.json and <out>/report.html.
/// Goes on where it was when started again. Throws Error when <out> holds a demo with other
/// settings.
nlohmann::json run_demo(const DemoOptions& options);

}  // namespace tessera
