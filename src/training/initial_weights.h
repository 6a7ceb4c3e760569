#pragma once

#include "training/model_folder.h"

namespace tessera {

/// The model of another folder, whose weights training starts from (--init). Nothing but the
/// weights is taken over: optimizer, schedule and average begin anew.
struct InitialWeights {
  fs::path folder;
  std::string hash;  ///< SHA-256 of its model.safetensors
  ModelConfig config;
  TensorMap tensors;
};

/// Throws FileError when the folder does not hold a model of that kind.
InitialWeights read_initial_weights(const fs::path& folder, const std::string& kind);

/// Copies the weights into `module`, made from `recipe`. Throws Error naming the first tensor that
/// is missing, unknown or misshapen, and the keys of table [kind] in which the recipes differ.
void load_initial_weights(torch::nn::Module& module, const InitialWeights& initial,
                          const Recipe& recipe);

}  // namespace tessera
