// What `study fit` and `study advise` have in common.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"

namespace tessera::cli {

inline std::string text(const nlohmann::json& json) { return json.get<std::string>(); }

/// Four digits; a dash for null, which is what nothing bounds.
inline std::string number_text(const nlohmann::json& json) {
  if (json.is_null()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", json.get<double>());
  return text;
}

/// "0.52 [0.48, 0.57]".
inline std::string interval_text(const nlohmann::json& interval) {
  return number_text(interval["value"]) + " [" + number_text(interval["low"]) + ", " +
         number_text(interval["high"]) + "]";
}

/// --bootstrap, --seed, --quiet and --json.
inline void add_bootstrap_options(CLI::App* command, RunOptions& options, int& samples) {
  command->add_option("--bootstrap", samples, "samples behind each interval")
      ->transform(whole_number(40, 1000000))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "fixes every random number")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command->add_flag("--quiet", options.quiet, "print errors only");
  command->add_option("--json", options.json, "write the results here; - is standard output");
}

}  // namespace tessera::cli
