#include "training/model_folder.h"

namespace tessera {

void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const TensorMap& weights) {
  write_model_config(folder, config);
  write_tensors(
      folder / "model.safetensors", weights,
      {{"format", kModelFormat}, {"kind", config.kind}, {"made_by", config.made_by.dump()}});
}

void write_model_folder(const fs::path& folder, const ModelConfig& config,
                        const std::vector<TensorToWrite>& weights) {
  write_model_config(folder, config);
  stream_safetensors(folder / "model.safetensors", weights,
                     {{"format", kModelFormat}, {"kind", config.kind}});
}

}  // namespace tessera
