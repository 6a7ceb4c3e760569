#pragma once

#include <nlohmann/json.hpp>

#include "dataset/image_set.h"
#include "experiment/experiment_options.h"
#include "experiment/stages.h"
#include "recipe/recipe.h"

namespace tessera {

/// Stage 1: trains a tokenizer, encodes the images for stage 2, measures its reconstructions. The
/// folder then holds tokenizer/, train.safetensors, valid.safetensors, held-out.safetensors and
/// reconstructions.png. Each stage leaves its result in stages/ and is not done again.
class TokenizerExperiment {
 public:
  TokenizerExperiment(const ExperimentOptions& options, fs::path folder);

  /// What train_tokenizer returns.
  nlohmann::json train() const;
  void encode() const;
  /// What measure_reconstruction returns.
  nlohmann::json measure() const;

 private:
  nlohmann::json encode(const std::vector<std::string>& data, Split split, const std::string& name,
                        bool flip) const;
  nlohmann::json reconstruct() const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  const ExperimentOptions& options_;
  fs::path folder_;
  Recipe recipe_;
  Stages stages_;
};

}  // namespace tessera
