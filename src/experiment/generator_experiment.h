#pragma once

#include <nlohmann/json.hpp>

#include "experiment/experiment_options.h"
#include "experiment/stages.h"
#include "recipe/recipe.h"

namespace tessera {

class SampleReferences;

/// Where stage 2 finds what stage 1 left (TokenizerExperiment), and where it works.
struct GeneratorFolders {
  fs::path tokenizer;                   ///< with tokenizer/ and the token files
  fs::path folder;                      ///< stages/ and what follows are written here
  std::string generator = "generator";  ///< name of the model folder
  std::string samples = "samples.png";  ///< name of the sheet
  std::string prefix;                   ///< of the names of its stages
};

/// Stage 2: trains a generator on the tokens, measures its likelihood, draws from it and measures
/// that. Each stage leaves its result in stages/ and is not done again.
class GeneratorExperiment {
 public:
  GeneratorExperiment(const ExperimentOptions& options, GeneratorFolders folders);

  /// What train_generator returns. `branch` is a model folder whose run this one goes on from;
  /// empty: none.
  nlohmann::json train(const std::string& branch = "") const;
  /// What evaluate_likelihood returns.
  nlohmann::json likelihood() const;
  /// Samples against held-out images: what compare() returns, "fd_reconstructions", "cfg" with the
  /// "guidance_search" that chose it on held-out training images, "nearest_train" unless the
  /// options leave it out.
  nlohmann::json generation() const;
  /// The same against references that are shared with other generators on this tokenizer.
  nlohmann::json generation(SampleReferences& references) const;

 private:
  nlohmann::json stage(const std::string& name, const std::function<nlohmann::json()>& work) const {
    return stages_.run(folders_.prefix + name, work);
  }
  std::string model() const { return (folders_.folder / folders_.generator).string(); }
  std::string made(const std::string& name) const { return (folders_.tokenizer / name).string(); }

  const ExperimentOptions& options_;
  GeneratorFolders folders_;
  Recipe recipe_;
  Stages stages_;
};

}  // namespace tessera
