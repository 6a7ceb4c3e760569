#include "training/ema.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {

Ema::Ema(const torch::nn::Module& module, double decay) : decay_(decay), own_(tensors_of(module)) {
  if (!on()) return;
  const auto add = [&](const auto& item, bool learnt) {
    slots_.push_back({item.key(), item.value(), item.value().detach().clone(), learnt});
  };
  for (const auto& item : module.named_parameters()) add(item, true);
  for (const auto& item : module.named_buffers()) add(item, false);
}

double Ema::decay_now() const {
  const auto n = static_cast<double>(updates_);
  return std::min(decay_, (1 + n) / (10 + n));
}

void Ema::update() {
  torch::NoGradGuard no_grad;
  const double decay = decay_now();
  for (auto& [name, own, average, learnt] : slots_)
    learnt ? average.lerp_(own, 1 - decay) : average.copy_(own);
  ++updates_;
}

void Ema::place_rows(const std::string& name, const torch::Tensor& rows) {
  torch::NoGradGuard no_grad;
  for (auto& slot : slots_)
    if (slot.name == name) slot.average.index_copy_(0, rows, slot.own.index_select(0, rows));
}

TensorMap Ema::tensors() const {
  if (!on()) return own_;
  TensorMap tensors;
  for (const auto& slot : slots_) tensors[slot.name] = slot.average;
  return tensors;
}

TensorMap Ema::state() const {
  if (!on()) return {};
  TensorMap state{{"updates", torch::tensor({updates_}, torch::kInt64)}};
  add_with_prefix(state, tensors(), "average.");
  return state;
}

void Ema::load_state(const TensorMap& state, const std::string& where) {
  if (!on()) return;
  torch::NoGradGuard no_grad;
  const auto take = [&](const std::string& name) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error(where + ": average '" + name + "' is missing");
    return found->second;
  };
  updates_ = take("updates").item<std::int64_t>();
  for (auto& slot : slots_) slot.average.copy_(take("average." + slot.name));
}

void Ema::swap() {
  torch::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    const auto own = slot.own.detach().clone();
    slot.own.copy_(slot.average);
    slot.average.copy_(own);
  }
}

}  // namespace tessera
