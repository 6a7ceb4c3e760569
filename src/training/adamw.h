#pragma once

#include "training/weights.h"

namespace tessera {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.0;  ///< on tensors of two and more dimensions only
  double epsilon = 1e-8;
};

/// AdamW (Loshchilov & Hutter, arXiv 1711.05101) whose state is named tensors, so that a checkpoint
/// is one safetensors file. Parameters without a gradient are left alone.
class AdamW {
 public:
  AdamW(const torch::nn::Module& module, const AdamWOptions& options);

  void zero_gradients();
  /// Makes the next step use gradients scaled so that their norm is at most `limit`; returns their
  /// norm. Throws Diverged if it is not finite.
  double clip_gradients(double limit);
  void step(double learning_rate);

  /// "<parameter>.first", "<parameter>.second" and "steps".
  TensorMap state() const;
  /// Also forgets the gradients of a step that was not taken.
  void load_state(const TensorMap& state, const std::string& where);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, first, second;
  };
  AdamWOptions options_;
  std::vector<Slot> slots_;
  std::int64_t steps_ = 0;
  double gradient_scale_ = 1;  // of the next step
};

}  // namespace tessera
