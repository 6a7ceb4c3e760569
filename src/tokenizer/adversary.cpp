#include "tokenizer/adversary.h"

#include "base/error.h"
#include "tokenizer/adversarial_loss.h"
#include "training/device.h"
#include "training/schedule.h"

namespace tessera {
namespace {

AdamWOptions discriminator_adamw(const TokenizerTrainingConfig& config) {
  return {.beta1 = config.discriminator_beta1, .beta2 = config.discriminator_beta2};
}

double share_of(const torch::Tensor& right) {
  return right.to(torch::kFloat64).mean().item<double>();
}

}  // namespace

Adversary::Adversary(const TokenizerTrainingConfig& config, bool bf16, torch::Device device)
    : config_(config),
      bf16_(bf16),
      device_(device),
      discriminator_(config.discriminator_layers, config.discriminator_channels),
      optimizer_((discriminator_->to(device), *discriminator_), discriminator_adamw(config)) {
  discriminator_->train();
}

double Adversary::weight(std::int64_t step) const {
  return config_.adversarial_weight *
         smooth_rise(step, config_.adversarial_felt(), config_.adversarial_anneal_steps);
}

torch::Tensor Adversary::generator_loss(const torch::Tensor& decoded) {
  const Autocast autocast(bf16_, device_);
  discriminator_->freeze(true);
  return tessera::generator_loss(config_.adversarial_loss, discriminator_(decoded));
}

Adversary::Verdict Adversary::teach(const torch::Tensor& images, const torch::Tensor& decoded,
                                    double share) {
  discriminator_->freeze(false);
  torch::Tensor real, fake;  // [B, 1, h, w]
  {
    const Autocast autocast(bf16_, device_);
    // Each a batch of its own, so that BatchNorm does not tell one from the other by their mix.
    real = discriminator_(images);
    fake = discriminator_(decoded.detach());
  }
  const auto loss = discriminator_loss(config_.adversarial_loss, real, fake);
  const auto lecam = lecam_.penalty(real, fake);
  const auto total = config_.lecam_weight > 0 ? loss + config_.lecam_weight * lecam : loss;
  (share == 1 ? total : total * share).backward();
  const double real_logits = real.mean().item<double>(), fake_logits = fake.mean().item<double>();
  real_logits_ += share * real_logits, fake_logits_ += share * fake_logits;
  return {.loss = loss.item<double>(),
          .lecam = lecam.item<double>(),
          .real_logits = real_logits,
          .fake_logits = fake_logits,
          .accuracy = (share_of(real > 0) + share_of(fake < 0)) / 2};
}

std::vector<std::pair<std::string, double>> Adversary::Verdict::values() const {
  return {{"discriminator", loss},
          {"lecam", lecam},
          {"real_logits", real_logits},
          {"fake_logits", fake_logits},
          {"discriminator_accuracy", accuracy}};
}

void Adversary::update(double learning_rate, double clip_norm) {
  optimizer_.clip_gradients(clip_norm);
  optimizer_.step(learning_rate);
  optimizer_.zero_gradients();
  lecam_.update(real_logits_, fake_logits_);
  real_logits_ = fake_logits_ = 0;
}

TensorMap Adversary::state() const {
  TensorMap state{{"lecam", lecam_.state()}};
  add_with_prefix(state, tensors_of(*discriminator_), "model.");
  add_with_prefix(state, optimizer_.state(), "optimizer.");
  return state;
}

void Adversary::load_state(const TensorMap& state, const std::string& where) {
  load_tensors(*discriminator_, without_prefix(state, "model."), where);
  optimizer_.load_state(without_prefix(state, "optimizer."), where);
  if (!state.contains("lecam")) throw Error(where + ": tensor 'lecam' is missing");
  lecam_.load_state(state.at("lecam"));
  real_logits_ = fake_logits_ = 0;
}

}  // namespace tessera
