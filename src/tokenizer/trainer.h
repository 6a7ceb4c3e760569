#pragma once

#include <memory>
#include <optional>

#include "dataset/loader.h"
#include "features/perceptual_net.h"
#include "tokenizer/adversary.h"
#include "tokenizer/causal_regularizer.h"
#include "tokenizer/code_usage.h"
#include "tokenizer/divergence_watch.h"
#include "tokenizer/losses.h"
#include "tokenizer/recovery.h"
#include "tokenizer/vq_model.h"
#include "training/adamw.h"
#include "training/ema.h"
#include "training/initial_weights.h"
#include "training/model_folder.h"
#include "training/training_run.h"

namespace tessera {

/// Trains stage 1: reconstruction + adversarial + codebook + causal regularizer.
class TokenizerTrainer : public Trainer {
 public:
  struct Inputs {
    std::shared_ptr<const ImageSet> train, valid;  ///< valid may be null
    std::string data;                              ///< what `train` is, for the model folder
    std::optional<PerceptualNet> features;         ///< of the perceptual loss
    std::optional<InitialWeights> initial;         ///< what training starts from instead of chance
    FrozenParts frozen;                            ///< from the first step to the last
  };
  TokenizerTrainer(const Recipe& recipe, Inputs inputs, std::uint64_t seed, torch::Device device);

  Progress::Values step(std::int64_t step, bool report) override;
  nlohmann::json validate() override;
  TensorMap state() const override;
  void load_state(const TensorMap& state, const std::string& where) override;
  void write_model(const fs::path& folder) const override;
  bool healthy() const override;
  std::string recover(const Diverged& cause, std::int64_t step) override;

  /// Steps of the whole run (see tokenizer_steps).
  std::int64_t steps() const { return steps_; }

 private:
  void begin(std::int64_t step);
  void initialise_codebook();
  Coded encode(const torch::Tensor& images);  // throws Diverged
  Losses losses(const torch::Tensor& images, std::int64_t step);
  void add_reconstruction(Losses& losses, const torch::Tensor& images);
  void add_adversarial(Losses& losses, std::int64_t step);
  double adversarial_weight(std::int64_t step) const;
  void teach_discriminator(Losses& losses, const torch::Tensor& images, std::int64_t step);
  void watch_divergence(const Losses& losses, std::int64_t step);
  void update_weights(std::int64_t step);
  void revive_codes(std::int64_t step);
  void watch_codebook(std::int64_t step, double perplexity);
  bool regularized(std::int64_t step) const;
  FrozenParts frozen_parts(std::int64_t step) const;
  void check_frozen_parts() const;
  Losses add_gradients(const torch::Tensor& images, std::int64_t step);

  Recipe recipe_;
  Inputs inputs_;
  std::uint64_t seed_;
  torch::Device device_;
  std::int64_t steps_, decoder_only_start_;
  bool bf16_, alarmed_ = false;
  VqModel model_;
  CausalRegularizer regularizer_;
  AdamW optimizer_, regularizer_optimizer_;
  Ema ema_;
  std::optional<Adversary> adversary_;
  double discriminator_accuracy_ = 0.5;  // of this step
  DivergenceWatch watch_;
  Recovery recovery_;
  CodeUsage usage_;
  torch::Tensor latents_;  // [N, code_size] of the last step: where dead codes move to
  std::unique_ptr<TrainingLoader> loader_;  // made at the first step, from where the run begins
  double gradient_norm_ = 0;
};

}  // namespace tessera
