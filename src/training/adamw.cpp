#include "training/adamw.h"

#include <cmath>

#include "base/error.h"

namespace tessera {

AdamW::AdamW(const torch::nn::Module& module, const AdamWOptions& options) : options_(options) {
  for (const auto& item : module.named_parameters())
    slots_.push_back({item.key(), item.value(), torch::zeros_like(item.value()),
                      torch::zeros_like(item.value())});
}

void AdamW::zero_gradients() {
  for (auto& slot : slots_) slot.parameter.mutable_grad().reset();
}

double AdamW::clip_gradients(double limit) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const auto& slot : slots_)
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  if (gradients.empty()) return 0;
  const double norm = torch::stack(at::_foreach_norm(gradients)).norm().item<double>();
  if (!std::isfinite(norm))
    throw Error("the gradient is not finite: training has diverged; lower the learning rate and go on with --resume");
  if (norm > limit) at::_foreach_mul_(gradients, limit / norm);
  return norm;
}

void AdamW::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  ++steps_;
  const double scale1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double scale2 = std::sqrt(1 - std::pow(options_.beta2, static_cast<double>(steps_)));
  std::vector<torch::Tensor> matrices, parameters, gradients, first, second;
  for (const auto& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    if (slot.parameter.dim() >= 2) matrices.push_back(slot.parameter);
    parameters.push_back(slot.parameter);
    gradients.push_back(slot.parameter.grad());
    first.push_back(slot.first);
    second.push_back(slot.second);
  }
  if (parameters.empty()) return;
  if (options_.weight_decay > 0 && !matrices.empty())
    at::_foreach_mul_(matrices, 1 - learning_rate * options_.weight_decay);
  at::_foreach_mul_(first, options_.beta1);
  at::_foreach_add_(first, gradients, 1 - options_.beta1);
  at::_foreach_mul_(second, options_.beta2);
  at::_foreach_addcmul_(second, gradients, gradients, 1 - options_.beta2);
  auto denominators = at::_foreach_sqrt(second);
  at::_foreach_div_(denominators, scale2);
  at::_foreach_add_(denominators, options_.epsilon);
  at::_foreach_addcdiv_(parameters, first, denominators, -learning_rate / scale1);
}

TensorMap AdamW::state() const {
  TensorMap state{{"steps", torch::tensor({steps_}, torch::kInt64)}};
  for (const auto& slot : slots_) {
    state[slot.name + ".first"] = slot.first;
    state[slot.name + ".second"] = slot.second;
  }
  return state;
}

void AdamW::load_state(const TensorMap& state, const std::string& where) {
  const auto take = [&](const std::string& name) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error(where + ": optimizer state '" + name + "' is missing");
    return found->second;
  };
  steps_ = take("steps").item<std::int64_t>();
  for (auto& slot : slots_) {
    slot.first.copy_(take(slot.name + ".first"));
    slot.second.copy_(take(slot.name + ".second"));
  }
}

}  // namespace tessera
