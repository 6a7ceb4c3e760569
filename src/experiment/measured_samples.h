#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "experiment/held_out.h"
#include "metrics/generation.h"
#include "recipe/recipe.h"
#include "tokenizer/tokenizer.h"

namespace tessera {

/// What samples of any generator on one tokenizer are held against, measured when it is first asked
/// for and then kept.
class SampleReferences {
 public:
  SampleReferences(const ExperimentOptions& options, const DataConfig& data, fs::path tokenizer);

  const FeatureNet& net();
  /// Held-out training images, for the search over guidance.
  const GenerationReference& search();
  const GenerationReference& held_out();
  /// The tokenizer's reconstructions of the held-out images.
  const GenerationReference& reconstructions();
  Tokenizer& tokenizer();
  const HeldOut& images() const { return images_; }
  const torch::Device& device() const { return device_; }

 private:
  const ExperimentOptions& options_;
  HeldOut images_;
  fs::path tokenizer_folder_;
  torch::Device device_;
  std::optional<FeatureNet> net_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<GenerationReference> search_, held_out_, reconstructions_;
};

/// Draws options.samples images at the guidance that does best on held-out training images, and
/// measures them against the test images (GeneratorExperiment::generation). Writes a sheet with a
/// row for each class to `sheet`.
nlohmann::json measure_samples(const ExperimentOptions& options, const Recipe& recipe,
                               SampleReferences& references, const fs::path& generator,
                               const fs::path& sheet);

}  // namespace tessera
