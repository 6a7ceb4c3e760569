#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "base/files.h"
#include "formats/safetensors.h"

namespace tessera {

using TensorMap = std::map<std::string, torch::Tensor>;

/// Parameters and buffers by their dotted names; shares memory with the module.
TensorMap tensors_of(const torch::nn::Module& module);

/// Copies values into the module. Throws Error (prefixed by `where`) for a missing, unknown or
/// misshapen tensor by name.
void load_tensors(torch::nn::Module& module, const TensorMap& tensors, const std::string& where);

/// One safetensors file, float32 and integers as they are.
void write_tensors(const fs::path& path, const TensorMap& tensors,
                   const std::map<std::string, std::string>& metadata = {});
/// All tensors of a file, copied.
TensorMap read_tensors(const SafetensorsFile& file);

/// Entries whose name begins with `prefix`, the prefix taken off; and its inverse.
TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix);
void add_with_prefix(TensorMap& into, const TensorMap& tensors, const std::string& prefix);

std::int64_t parameter_count(const torch::nn::Module& module);

}  // namespace tessera
