#pragma once

#include "base/files.h"
#include "formats/stored_tensor.h"

namespace tessera {

/// Writes {table: {name: tensor, ..}} as torch.save would, one tensor at a time; Python's
/// torch.load reads it, with weights_only=True too. Whole or not at all (see write_file).
void stream_pytorch(const fs::path& path, const std::string& table,
                    const std::vector<TensorToWrite>& tensors);

}  // namespace tessera
