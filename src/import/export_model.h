#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct ExportOptions : RunOptions {
  std::string folder;  ///< model folder
  std::string out;     ///< .pt or .safetensors
};

// Each writes a checkpoint that LlamaGen's own scripts load, whole or not at all. Throw FileError
// with the reason when LlamaGen's model cannot hold this one.

nlohmann::json export_llamagen_vq(const ExportOptions& options);
nlohmann::json export_llamagen_gpt(const ExportOptions& options);

}  // namespace tessera
