#pragma once

#include "recipe/tokenizer_config.h"
#include "tokenizer/discriminator.h"
#include "tokenizer/lecam.h"
#include "training/adamw.h"

namespace tessera {

/// The tokenizer's opponent: a discriminator with all that trains it. It learns alone for
/// discriminator_warmup_steps, then its opinion becomes a loss of the decoder, whose weight rises
/// smoothly.
class Adversary {
 public:
  /// What the discriminator said to one batch.
  struct Verdict {
    double loss, lecam;               ///< lecam before its weight
    double real_logits, fake_logits;  ///< means
    double accuracy;                  ///< share of patches on the right side of 0
    std::vector<std::pair<std::string, double>> values() const;  ///< by their names in the log
  };

  Adversary(const TokenizerTrainingConfig& config, bool bf16, torch::Device device);

  bool learns(std::int64_t step) const { return step >= config_.adversarial_start; }
  /// Factor of generator_loss at `step`, before adaptive_weight.
  double weight(std::int64_t step) const;
  /// How badly `decoded` [B, 3, H, W] passes for real. Gradients flow to it, none to the
  /// discriminator.
  torch::Tensor generator_loss(const torch::Tensor& decoded);
  /// Adds `share` of the gradient of a batch [B, 3, H, W] each to the discriminator's.
  Verdict teach(const torch::Tensor& images, const torch::Tensor& decoded, double share = 1);
  /// One step along the gradients added up, which are scaled down to `clip_norm`; moves LeCam's
  /// means. Throws Diverged when they are not finite.
  void update(double learning_rate, double clip_norm);

  /// "model.", "optimizer." and "lecam".
  TensorMap state() const;
  void load_state(const TensorMap& state, const std::string& where);

 private:
  TokenizerTrainingConfig config_;
  bool bf16_;
  torch::Device device_;
  Discriminator discriminator_;
  AdamW optimizer_;
  LeCam lecam_;
  double real_logits_ = 0, fake_logits_ = 0;  // means over what teach() was shown of this step
};

}  // namespace tessera
