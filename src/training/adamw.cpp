#include "training/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernels/adamw.h"
#include "training/diverged.h"

namespace tessera {
namespace {

constexpr std::int64_t kChunk =
    1 << 16;  // values per piece of work: their sums do not depend on the threads

bool has_kernel(const torch::Tensor& parameter) {
  return parameter.is_cpu() && parameter.scalar_type() == torch::kFloat32 &&
         parameter.is_non_overlapping_and_dense();
}

double sum_of_squares(const torch::Tensor& values) {
  if (!has_kernel(values)) return values.to(torch::kFloat64).square().sum().item<double>();
  const auto* data = values.data_ptr<float>();
  std::vector<double> sums(static_cast<std::size_t>((values.numel() + kChunk - 1) / kChunk));
  at::parallel_for(0, std::ssize(sums), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const auto count = std::min(kChunk, values.numel() - chunk * kChunk);
      sums[static_cast<std::size_t>(chunk)] =
          kernels::sum_of_squares(static_cast<std::size_t>(count), data + chunk * kChunk);
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void update_in_one_pass(const kernels::AdamWFactors& factors, torch::Tensor gradient,
                        torch::Tensor parameter, torch::Tensor first, torch::Tensor second) {
  // The kernel walks memory, so all four must lie in the same order.
  if (gradient.strides() != parameter.strides() || gradient.scalar_type() != torch::kFloat32)
    gradient = torch::empty_like(parameter).copy_(gradient);
  TESSERA_CHECK(first.strides() == parameter.strides() && second.strides() == parameter.strides());
  at::parallel_for(0, parameter.numel(), kChunk, [&](std::int64_t begin, std::int64_t end) {
    kernels::adamw(factors, static_cast<std::size_t>(end - begin),
                   gradient.data_ptr<float>() + begin, parameter.data_ptr<float>() + begin,
                   first.data_ptr<float>() + begin, second.data_ptr<float>() + begin);
  });
}

void update_in_torch(const kernels::AdamWFactors& factors, torch::Tensor gradient,
                     torch::Tensor parameter, torch::Tensor first, torch::Tensor second) {
  gradient = gradient * factors.gradient_scale;
  first.mul_(factors.beta1).add_(gradient, 1 - factors.beta1);
  second.mul_(factors.beta2).addcmul_(gradient, gradient, 1 - factors.beta2);
  const auto deviation = second.sqrt().mul_(factors.spread).add_(factors.epsilon);
  parameter.mul_(factors.keep).addcdiv_(first, deviation, -factors.rate);
}

}  // namespace

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
  double squares = 0;
  for (const auto& slot : slots_)
    if (slot.parameter.grad().defined()) squares += sum_of_squares(slot.parameter.grad());
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) throw Diverged("the gradient is not finite");
  gradient_scale_ = norm > limit ? limit / norm : 1;
  return norm;
}

void AdamW::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  ++steps_;
  const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps_));
  kernels::AdamWFactors factors{.beta1 = static_cast<float>(options_.beta1),
                                .beta2 = static_cast<float>(options_.beta2),
                                .gradient_scale = static_cast<float>(gradient_scale_),
                                .keep = 1,
                                .rate = static_cast<float>(learning_rate / correction1),
                                .spread = static_cast<float>(1 / std::sqrt(correction2)),
                                .epsilon = static_cast<float>(options_.epsilon)};
  for (auto& slot : slots_) {
    const auto gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    const bool decays = slot.parameter.dim() >= 2;
    factors.keep = decays ? static_cast<float>(1 - learning_rate * options_.weight_decay) : 1;
    const auto update = has_kernel(slot.parameter) ? update_in_one_pass : update_in_torch;
    update(factors, gradient, slot.parameter, slot.first, slot.second);
  }
  gradient_scale_ = 1;
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
  zero_gradients();
  gradient_scale_ = 1;
}

}  // namespace tessera
