#pragma once

#include "base/files.h"

namespace tessera {

/// A generator's model folder and that of the tokenizer whose tokens it writes.
struct ModelFolders {
  fs::path generator, tokenizer;
};

/// The folders of what `tessera export pipeline` wrote (docs/formats/pipeline.md). Throws FileError
/// when a file is not the one that was exported.
ModelFolders open_pipeline_folder(const fs::path& folder);

/// The file that makes a folder a pipeline, and its format.
constexpr const char* kPipelineFile = "pipeline.json";
constexpr const char* kPipelineFormat = "tessera.pipeline/1";

}  // namespace tessera
