#pragma once

#include <chrono>
#include <limits>
#include <optional>

#include "generator/model.h"
#include "generator/token_batch.h"
#include "recipe/recipe.h"
#include "training/adamw.h"
#include "training/ema.h"
#include "training/initial_weights.h"
#include "training/model_folder.h"
#include "training/training_run.h"

namespace tessera {

/// Trains stage 2: the negative log-likelihood of each token given its class and the tokens before
/// it.
class GeneratorTrainer : public Trainer {
 public:
  struct Inputs {
    TokenFile train;
    std::vector<std::int64_t> train_images;   ///< of `train`, at least one
    TokenFile valid;                          ///< may be the same file
    std::vector<SequenceId> valid_sequences;  ///< may be empty
    std::string tokens_hash;                  ///< of the training tokens, for the model folder
    std::optional<InitialWeights> initial;    ///< what training starts from instead of chance
  };
  GeneratorTrainer(const Recipe& recipe, Inputs inputs, std::uint64_t seed, torch::Device device);

  Progress::Values step(std::int64_t step, bool report) override;
  nlohmann::json validate() override;
  TensorMap state() const override;
  void load_state(const TensorMap& state, const std::string& where) override;
  void write_model(const fs::path& folder) const override;

  /// The sequences of step `step`, each an image's crop drawn at random, and their classes or, at
  /// random, the null class. Depends on the seed and the step alone.
  TokenBatch draw_batch(std::int64_t step);

  const GeneratorShape& shape() const { return model_->shape(); }
  Transformer& model() { return model_; }

 private:
  torch::Tensor add_gradients(const TokenBatch& batch);
  const std::vector<std::int64_t>& epoch_order(std::int64_t epoch);
  double update_weights(std::int64_t step);
  void watch_memorising(double held_out_nats);
  std::vector<std::int64_t> class_counts() const;  // of the training images

  Recipe recipe_;
  Inputs inputs_;
  std::uint64_t seed_;
  torch::Device device_;
  bool bf16_;
  Transformer model_;
  AdamW optimizer_;
  Ema ema_;
  std::int64_t ordered_epoch_ = -1;
  std::vector<std::int64_t> order_;  // train_images, shuffled for ordered_epoch_
  double least_held_out_nats_ = std::numeric_limits<double>::infinity();
  bool warned_ = false;
  std::int64_t reported_step_ = 0;
  std::chrono::steady_clock::time_point reported_;
};

}  // namespace tessera
