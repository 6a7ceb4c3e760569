#include "tokenizer/lecam.h"

namespace tessera {
namespace {

constexpr double kDecay = 0.99;  // the paper's

}  // namespace

torch::Tensor LeCam::penalty(const torch::Tensor& real, const torch::Tensor& fake) const {
  if (!started_) return torch::zeros({}, real.options());
  return (real - fake_mean_).square().mean() + (fake - real_mean_).square().mean();
}

void LeCam::update(double real, double fake) {
  const double kept = started_ ? kDecay : 0;
  real_mean_ = kept * real_mean_ + (1 - kept) * real;
  fake_mean_ = kept * fake_mean_ + (1 - kept) * fake;
  started_ = true;
}

torch::Tensor LeCam::state() const {
  return torch::tensor({real_mean_, fake_mean_, started_ ? 1.0 : 0.0}, torch::kFloat64);
}

void LeCam::load_state(const torch::Tensor& state) {
  real_mean_ = state[0].item<double>();
  fake_mean_ = state[1].item<double>();
  started_ = state[2].item<double>() != 0;
}

}  // namespace tessera
