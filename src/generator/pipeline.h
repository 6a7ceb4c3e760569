#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"
#include "generator/generator.h"
#include "tokenizer/tokenizer.h"

namespace tessera {

/// A generator and the tokenizer whose tokens it writes.
struct Pipeline {
  Generator generator;
  Tokenizer tokenizer;
};

/// Opens two model folders. Throws FileError when the generator learnt another tokenizer's tokens.
Pipeline open_pipeline(const fs::path& generator, const fs::path& tokenizer,
                       const torch::Device& device);
/// Opens what export_pipeline wrote. Throws FileError when a file is not the one that was exported.
Pipeline open_pipeline(const fs::path& folder, const torch::Device& device);

struct ExportPipelineOptions : RunOptions {
  std::string generator, tokenizer;  ///< model folders
  std::string out;                   ///< folder to write; must not be there yet, or be empty
};

/// Writes one folder that holds all that sampling needs, whole or not at all
/// (docs/formats/pipeline.md). Returns the content of pipeline.json.
nlohmann::json export_pipeline(const ExportPipelineOptions& options);

}  // namespace tessera
