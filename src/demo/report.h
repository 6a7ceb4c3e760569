#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// One tokenizer and its generator: a folder with tokenizer/, generator/, samples.png,
/// reconstructions.png, and what was measured: {"tokenizer", "generator", "reconstruction",
/// "likelihood", "generation"}.
struct ReportArm {
  std::string name;
  fs::path folder;
  nlohmann::json results;
};

/// One offline HTML page: the table, curves, pictures, and how it was made. `about` is made_by()
/// and the run's settings.
void write_report(const fs::path& path, const std::string& title,
                  const std::vector<ReportArm>& arms, const nlohmann::json& about);

}  // namespace tessera
