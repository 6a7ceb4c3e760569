#pragma once

#include <torch/torch.h>

namespace tessera {

/// What roll-backs have lowered so far; part of a checkpoint.
struct Recovery {
  int roll_backs = 0;
  double adversarial_factor = 1;  ///< of adversarial_weight
  double rate_factor = 1;         ///< of every learning rate

  torch::Tensor state() const {  ///< [3] float64
    return torch::tensor({static_cast<double>(roll_backs), adversarial_factor, rate_factor},
                         torch::kFloat64);
  }
  void load_state(const torch::Tensor& state) {
    roll_backs = static_cast<int>(state[0].item<double>());
    adversarial_factor = state[1].item<double>();
    rate_factor = state[2].item<double>();
  }
};

}  // namespace tessera
