#pragma once

#include <torch/torch.h>

namespace tessera {

/// LeCam regularisation (Tseng et al. 2021, arXiv 2104.03310): the discriminator's logits on real
/// images stay near the running mean on fakes and the other way round, so that it cannot learn
/// small data by heart.
class LeCam {
 public:
  /// mean (real - mean of fakes)^2 + mean (fake - mean of reals)^2, of logits [B, 1, h, w]; 0
  /// before the first update. Gradients flow to both.
  torch::Tensor penalty(const torch::Tensor& real, const torch::Tensor& fake) const;
  /// Moves the running means towards those of a step.
  void update(double real, double fake);

  double real_mean() const { return real_mean_; }
  double fake_mean() const { return fake_mean_; }

  torch::Tensor state() const;  ///< [3] float64
  void load_state(const torch::Tensor& state);

 private:
  double real_mean_ = 0, fake_mean_ = 0;
  bool started_ = false;
};

}  // namespace tessera
