#pragma once

#include <torch/torch.h>

#include <optional>

namespace tessera {

/// Tells from the reconstruction loss when training has gone wrong: not finite, far above the best
/// it has been, or worse while the discriminator has won.
class DivergenceWatch {
 public:
  /// Losses below `negligible` count as equal.
  explicit DivergenceWatch(double negligible) : negligible_(negligible) {}

  /// Call at each step, with the share of patches that the discriminator got right if it has a say.
  /// Throws Diverged.
  void observe(double loss, std::optional<double> accuracy = std::nullopt);
  /// Whether the losses so far speak for a state to come back to.
  bool healthy() const;

  torch::Tensor state() const;  ///< [5] float64
  void load_state(const torch::Tensor& state);

 private:
  double best() const { return std::max(best_, negligible_); }

  double negligible_;
  std::int64_t steps_ = 0;
  double last_ = 0, smoothed_ = 0, best_ = 0;  // best_ is the least smoothed loss so far
  double accuracy_ = 0.5;                      // smoothed
};

}  // namespace tessera
