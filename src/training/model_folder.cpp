#include "training/model_folder.h"

namespace tessera {
namespace {

// Nothing of when and by what it was made: equal weights are the same model.
std::map<std::string, std::string> metadata_of(const ModelConfig& config) {
  return {{"format", kModelFormat}, {"kind", config.kind}};
}

}  // namespace

void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const TensorMap& weights) {
  write_model_config(folder, config);
  write_tensors(folder / "model.safetensors", weights, metadata_of(config));
}

void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const std::vector<TensorToWrite>& weights) {
  write_model_config(folder, config);
  stream_safetensors(folder / "model.safetensors", weights, metadata_of(config));
}

}  // namespace tessera
