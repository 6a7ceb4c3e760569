#pragma once

#include <optional>

#include "dataset/loader.h"
#include "features/feature_classifier.h"
#include "training/adamw.h"
#include "training/training_run.h"

namespace tessera {

struct FeatureTraining {
  int steps = 1500;
  int batch_size = 128;
  double learning_rate = 1e-2;
  std::uint64_t seed = 0;
  bool bf16 = false;
};

/// Turns image i of a batch by `quarters[i]` x 90 degrees, in place; images are [B, 3, H, H].
void turn_images(torch::Tensor& images, const torch::Tensor& quarters);

/// Trains a FeatureClassifier; for run_training. `config.recipe.data` says how images are read;
/// without `valid` images no accuracy is measured.
class FeatureTrainer : public Trainer {
 public:
  FeatureTrainer(std::shared_ptr<const ImageSet> train, std::shared_ptr<const ImageSet> valid,
                 ModelConfig config, int width, const FeatureTraining& training,
                 const torch::Device& device);

  Progress::Values step(std::int64_t step, bool report) override;
  nlohmann::json validate() override;
  TensorMap state() const override;
  void load_state(const TensorMap& state, const std::string& where) override;
  void write_model(const fs::path& folder) const override;

  /// "classes" or "rotations".
  const char* task() const { return rotations_ ? "rotations" : "classes"; }

 private:
  const DataConfig& data() const { return config_.recipe.data; }
  torch::Tensor augment(const torch::Tensor& images) const;

  std::shared_ptr<const ImageSet> train_, valid_;
  ModelConfig config_;
  FeatureTraining training_;
  torch::Device device_;
  bool rotations_;
  FeatureShape shape_;
  FeatureClassifier model_{nullptr};
  std::optional<AdamW> optimizer_;
  std::optional<TrainingLoader> loader_;
  double accuracy_ = 0;
};

}  // namespace tessera
