// What a tokenizer's training leaves: measurements, checkpoints, the model folder, roll-backs.
#include "base/error.h"
#include "base/settings.h"
#include "base/version.h"
#include "tokenizer/flops.h"
#include "tokenizer/trainer.h"
#include "training/device.h"

namespace tessera {

nlohmann::json TokenizerTrainer::validate() {
  if (!inputs_.valid) return nlohmann::json::object();
  const Ema::Applied averaged(ema_);
  torch::NoGradGuard no_grad;
  model_->eval();
  CodeUsage usage(recipe_.tokenizer.codebook_size);
  double l1 = 0, psnr = 0, perceptual = 0;
  std::int64_t count = 0;
  for_each_batch(*inputs_.valid, recipe_.data, recipe_.tokenizer_training.batch_size,
                 static_cast<std::size_t>(recipe_.tokenizer_training.valid_images),
                 [&](const ImageBatch& batch) {
                   const Autocast autocast(bf16_, device_);
                   const auto images = image_tensor(batch, device_);
                   const auto coded = encode(images);
                   const auto decoded = model_->decode(coded.quantized).clamp(-1, 1);
                   usage.add(coded.codes);
                   count += images.size(0);
                   const auto error = (decoded - images) / 2;  // pixels in [0, 1]
                   l1 += 2 * error.abs().mean({1, 2, 3}).sum().item<double>();
                   psnr -= 10 * error.square().mean({1, 2, 3}).log10().sum().item<double>();
                   if (inputs_.features)
                     perceptual += inputs_.features->distance(decoded, images).sum().item<double>();
                 });
  const auto mean = [&](double sum) {
    return sum / static_cast<double>(std::max<std::int64_t>(1, count));
  };
  nlohmann::json json = {{"psnr", mean(psnr)},
                         {"l1", mean(l1)},
                         {"code_perplexity", usage.perplexity()},
                         {"codes_used", usage.used_share()},
                         {"images", count}};
  if (inputs_.features) json["perceptual"] = mean(perceptual);
  return json;
}

TensorMap TokenizerTrainer::state() const {
  TensorMap state{
      {"usage", usage_.counts()}, {"watch", watch_.state()}, {"recovery", recovery_.state()}};
  add_with_prefix(state, tensors_of(*model_), "model.");
  add_with_prefix(state, model_->quantizer()->statistics(), "quantizer.");
  add_with_prefix(state, optimizer_.state(), "optimizer.");
  add_with_prefix(state, ema_.state(), "ema.");
  if (recipe_.regularizer.on()) {
    add_with_prefix(state, tensors_of(*regularizer_), "regularizer.");
    add_with_prefix(state, regularizer_optimizer_.state(), "regularizer_optimizer.");
  }
  if (adversary_) add_with_prefix(state, adversary_->state(), "adversary.");
  return state;
}

void TokenizerTrainer::load_state(const TensorMap& state, const std::string& where) {
  load_tensors(*model_, without_prefix(state, "model."), where);
  model_->quantizer()->load_statistics(without_prefix(state, "quantizer."), where);
  optimizer_.load_state(without_prefix(state, "optimizer."), where);
  ema_.load_state(without_prefix(state, "ema."), where);
  if (recipe_.regularizer.on()) {
    load_tensors(*regularizer_, without_prefix(state, "regularizer."), where);
    regularizer_optimizer_.load_state(without_prefix(state, "regularizer_optimizer."), where);
  }
  if (adversary_) adversary_->load_state(without_prefix(state, "adversary."), where);
  for (const auto* name : {"usage", "watch", "recovery"})
    if (!state.contains(name)) throw Error(where + ": tensor '" + name + "' is missing");
  usage_.restore(state.at("usage"));
  watch_.load_state(state.at("watch"));
  recovery_.load_state(state.at("recovery"));
  loader_.reset();  // the next step may be any
}

bool TokenizerTrainer::healthy() const {
  return recipe_.tokenizer_training.roll_backs > 0 && watch_.healthy();
}

std::string TokenizerTrainer::recover(const Diverged& cause, std::int64_t step) {
  if (recovery_.roll_backs >= recipe_.tokenizer_training.roll_backs)
    throw Error(std::string(cause.what()) + ", after " + std::to_string(recovery_.roll_backs) +
                " roll-backs (tokenizer_training.roll_backs): train anew with a lower "
                "learning_rate or adversarial_weight, in another --out");
  ++recovery_.roll_backs;
  const bool adversarial = adversarial_weight(step) > 0;
  double& factor = adversarial ? recovery_.adversarial_factor : recovery_.rate_factor;
  factor /= 2;
  return (adversarial ? "adversarial_weight x " : "learning rates x ") +
         nlohmann::json(factor).dump();
}

void TokenizerTrainer::write_model(const fs::path& folder) const {
  const auto& features = inputs_.features;
  nlohmann::json extra = {{"steps", steps_},
                          {"parameters", parameter_count(*model_)},
                          {"training_flops", tokenizer_training_flops(recipe_, steps_)},
                          {"features", features ? features->hash() : ""},
                          {"perceptual", features ? choice_name(features->kind()) : ""},
                          {"roll_backs", recovery_.roll_backs}};
  if (inputs_.initial) extra["init"] = inputs_.initial->hash;
  write_model_folder(folder,
                     {.kind = "tokenizer",
                      .recipe = recipe_,
                      .class_names = inputs_.train->class_names(),
                      .data = inputs_.data,
                      .made_by = made_by(seed_),
                      .extra = extra},
                     ema_.tensors());
}

}  // namespace tessera
