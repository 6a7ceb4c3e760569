#include "tokenizer/trainer.h"

#include "base/error.h"
#include "base/random.h"
#include "base/version.h"
#include "tokenizer/flops.h"
#include "training/device.h"
#include "training/schedule.h"

namespace tessera {
namespace {

// Below this share of the codebook in use (by perplexity) something is wrong, once training is
// under way.
constexpr double kCollapsedShare = 0.05;
constexpr std::int64_t kCollapseAfterSteps = 300;

AdamWOptions tokenizer_adamw(const TokenizerTrainingConfig& config) {
  return {.beta1 = config.beta1, .beta2 = config.beta2, .weight_decay = config.weight_decay};
}

torch::Tensor as_rows(const torch::Tensor& grid) {  // [B, C, h, w] -> [B h w, C]
  return grid.detach().permute({0, 2, 3, 1}).reshape({-1, grid.size(1)});
}

}  // namespace

TokenizerTrainer::TokenizerTrainer(const Recipe& recipe, Inputs inputs, std::uint64_t seed,
                                   torch::Device device)
    : recipe_(recipe),
      inputs_(std::move(inputs)),
      seed_(seed),
      device_(device),
      steps_(tokenizer_steps(recipe)),
      decoder_only_start_(decoder_only_start(recipe, steps_)),
      bf16_(uses_bf16(recipe.tokenizer_training.precision, device)),
      model_((torch::manual_seed(seed), VqModel(recipe.tokenizer))),
      regularizer_(recipe.regularizer, recipe.tokenizer.code_size, recipe.tokens_per_image()),
      optimizer_((model_->to(device), *model_), tokenizer_adamw(recipe.tokenizer_training)),
      regularizer_optimizer_((regularizer_->to(device), *regularizer_),
                             {.weight_decay = recipe.regularizer.weight_decay}),
      usage_(recipe.tokenizer.codebook_size) {
  const auto latents = inputs_.train->size() * static_cast<std::size_t>(recipe.tokens_per_image());
  if (latents < static_cast<std::size_t>(recipe.tokenizer.codebook_size))
    throw Error("tokenizer.codebook_size is " + std::to_string(recipe.tokenizer.codebook_size) +
                ", expected at most " + std::to_string(latents) + ", the latents of all " +
                std::to_string(inputs_.train->size()) + " training images");
  if (recipe.tokenizer_training.perceptual_weight > 0 && !inputs_.features)
    throw Error(
        "tokenizer_training.perceptual_weight is above 0 but there is no feature network: add "
        "--features DIR "
        "(made by `tessera train features`), or --set tokenizer_training.perceptual_weight=0");
}

bool TokenizerTrainer::regularized(std::int64_t step) const {
  return recipe_.regularizer.on() && step < decoder_only_start_ &&
         step >= recipe_.regularizer.start_step;
}

Progress::Values TokenizerTrainer::step(std::int64_t step, bool report) {
  begin(step);
  const auto images = image_tensor(loader_->next(), device_);
  const auto loss = losses(images, step);
  loss.total.backward();
  update_weights(step);
  Progress::Values values;
  if (report) {
    for (const auto& [name, value] : loss.terms) values.emplace_back(name, value.item<double>());
    const double perplexity = usage_.perplexity();
    values.emplace_back("perplexity", perplexity);
    values.emplace_back("codes_used", usage_.used_share());
    values.emplace_back("gradient_norm", gradient_norm_);
    watch_codebook(step, perplexity);
  }
  revive_codes(step);
  return values;
}

void TokenizerTrainer::begin(std::int64_t step) {
  model_->train();
  if (!loader_) {
    if (step == 0) initialise_codebook();
    loader_ = std::make_unique<TrainingLoader>(inputs_.train, recipe_.data,
                                               recipe_.tokenizer_training.batch_size, seed_, step);
  }
  model_->freeze_codes(step >= decoder_only_start_);
}

// Codes start as latents of real images, so that none is far from all data.
void TokenizerTrainer::initialise_codebook() {
  torch::NoGradGuard no_grad;
  const auto codes = recipe_.tokenizer.codebook_size;
  TrainingLoader loader(inputs_.train, recipe_.data, recipe_.tokenizer_training.batch_size,
                        mix({seed_, 0xc0deb00c}));
  std::vector<torch::Tensor> rows;
  for (std::int64_t count = 0; count < codes; count += rows.back().size(0))
    rows.push_back(as_rows(model_->encode(image_tensor(loader.next(), device_)).latents));
  const auto all = torch::cat(rows);
  const auto chosen = torch::randperm(all.size(0), device_).slice(0, 0, codes);
  model_->quantizer()->move_codes(torch::arange(codes, device_), all.index_select(0, chosen));
}

void TokenizerTrainer::Losses::add(const std::string& name, double weight,
                                   const torch::Tensor& value) {
  if (weight == 0) return;
  terms.emplace_back(name, value.detach());
  const auto weighted = weight * value;
  total = total.defined() ? total + weighted : weighted;
}

TokenizerTrainer::Losses TokenizerTrainer::losses(const torch::Tensor& images, std::int64_t step) {
  const Autocast autocast(bf16_, device_);
  const auto& config = recipe_.tokenizer_training;
  const bool frozen = step >= decoder_only_start_;
  Losses losses;
  Coded coded;
  {
    torch::AutoGradMode grad(!frozen);
    coded = model_->encode(images);
  }
  add_reconstruction(losses, images, model_->decode(coded.quantized));
  if (!frozen) {
    const Autocast exact(false, device_);
    losses.add("codebook", config.codebook_weight, model_->quantizer()->codebook_loss(coded));
    losses.add("commitment", config.commitment_weight, model_->quantizer()->commitment_loss(coded));
    if (config.entropy_weight > 0)
      losses.add("entropy", config.entropy_weight,
                 model_->quantizer()->entropy_loss(coded, config.entropy_temperature));
    model_->quantizer()->observe(coded);
  }
  if (regularized(step)) {
    const double weight =
        recipe_.regularizer.weight *
        smooth_rise(step, recipe_.regularizer.start_step, recipe_.regularizer.anneal_steps);
    losses.add("causal", 1, regularizer_(coded, weight));
  }
  usage_.add(coded.codes);
  latents_ = as_rows(coded.latents);
  return losses;
}

void TokenizerTrainer::add_reconstruction(Losses& losses, const torch::Tensor& images,
                                          const torch::Tensor& decoded) {
  const auto& config = recipe_.tokenizer_training;
  const auto error = decoded - images;
  losses.add("l1", config.l1_weight, error.abs().mean());
  losses.add("l2", config.l2_weight, error.square().mean());
  if (config.perceptual_weight > 0)
    losses.add("perceptual", config.perceptual_weight,
               perceptual_distance(*inputs_.features, decoded, images).mean());
}

void TokenizerTrainer::update_weights(std::int64_t step) {
  const auto& config = recipe_.tokenizer_training;
  const auto rate = [&](double peak) {
    return learning_rate_at(step, steps_, peak, config.warmup_steps, config.decay_fraction);
  };
  gradient_norm_ = optimizer_.clip_gradients(config.clip_norm);
  optimizer_.step(rate(config.learning_rate));
  optimizer_.zero_gradients();
  model_->quantizer()->update_codes();
  if (!regularized(step)) return;
  regularizer_optimizer_.clip_gradients(config.clip_norm);
  regularizer_optimizer_.step(rate(recipe_.regularizer.learning_rate));
  regularizer_optimizer_.zero_gradients();
}

// Codes that nothing chose since the last look move onto random latents of this step.
void TokenizerTrainer::revive_codes(std::int64_t step) {
  const auto& config = recipe_.tokenizer_training;
  if (config.revive_every == 0 || (step + 1) % config.revive_every != 0) return;
  const bool allowed =
      static_cast<double>(step) < config.revive_until * static_cast<double>(steps_) &&
      step < decoder_only_start_;
  auto unused = usage_.unused();
  unused = unused.slice(0, 0, std::min(unused.size(0), latents_.size(0)));
  if (allowed && unused.size(0) > 0) {
    const auto chosen = torch::randperm(latents_.size(0), device_).slice(0, 0, unused.size(0));
    model_->quantizer()->move_codes(unused.to(device_), latents_.index_select(0, chosen));
  }
  usage_.clear();
}

void TokenizerTrainer::watch_codebook(std::int64_t step, double perplexity) {
  const double share = perplexity / recipe_.tokenizer.codebook_size;
  // Only a full window of counts says something.
  const auto counted = usage_.counts().sum().item<std::int64_t>();
  if (step < kCollapseAfterSteps || alarmed_ || counted < 8 * recipe_.tokenizer.codebook_size ||
      share >= kCollapsedShare)
    return;
  alarmed_ = true;
  say("warning: the codebook has collapsed at step " + std::to_string(step) + ": perplexity " +
      std::to_string(perplexity) + " of " + std::to_string(recipe_.tokenizer.codebook_size) +
      " codes; try a smaller regularizer.weight, revive_every = 20, or a lower learning_rate");
}

nlohmann::json TokenizerTrainer::validate() {
  if (!inputs_.valid) return nlohmann::json::object();
  torch::NoGradGuard no_grad;
  model_->eval();
  CodeUsage usage(recipe_.tokenizer.codebook_size);
  double l1 = 0, psnr = 0, perceptual = 0;
  std::int64_t count = 0;
  for_each_batch(
      *inputs_.valid, recipe_.data, recipe_.tokenizer_training.batch_size,
      static_cast<std::size_t>(recipe_.tokenizer_training.valid_images),
      [&](const ImageBatch& batch) {
        const Autocast autocast(bf16_, device_);
        const auto images = image_tensor(batch, device_);
        const auto coded = model_->encode(images);
        const auto decoded = model_->decode(coded.quantized).clamp(-1, 1);
        usage.add(coded.codes);
        count += images.size(0);
        const auto error = (decoded - images) / 2;  // pixels in [0, 1]
        l1 += 2 * error.abs().mean({1, 2, 3}).sum().item<double>();
        psnr -= 10 * error.square().mean({1, 2, 3}).log10().sum().item<double>();
        if (inputs_.features)
          perceptual +=
              perceptual_distance(*inputs_.features, decoded, images).sum().item<double>();
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
  TensorMap state{{"usage", usage_.counts()}};
  add_with_prefix(state, tensors_of(*model_), "model.");
  add_with_prefix(state, model_->quantizer()->statistics(), "quantizer.");
  add_with_prefix(state, optimizer_.state(), "optimizer.");
  if (recipe_.regularizer.on()) {
    add_with_prefix(state, tensors_of(*regularizer_), "regularizer.");
    add_with_prefix(state, regularizer_optimizer_.state(), "regularizer_optimizer.");
  }
  return state;
}

void TokenizerTrainer::load_state(const TensorMap& state, const std::string& where) {
  load_tensors(*model_, without_prefix(state, "model."), where);
  model_->quantizer()->load_statistics(without_prefix(state, "quantizer."), where);
  optimizer_.load_state(without_prefix(state, "optimizer."), where);
  if (recipe_.regularizer.on()) {
    load_tensors(*regularizer_, without_prefix(state, "regularizer."), where);
    regularizer_optimizer_.load_state(without_prefix(state, "regularizer_optimizer."), where);
  }
  if (!state.contains("usage")) throw Error(where + ": tensor 'usage' is missing");
  usage_.restore(state.at("usage"));
}

void TokenizerTrainer::write_model(const fs::path& folder) const {
  const nlohmann::json extra = {{"steps", steps_},
                                {"parameters", parameter_count(*model_)},
                                {"training_flops", tokenizer_training_flops(recipe_, steps_)},
                                {"features", inputs_.features_hash}};
  write_model_folder(folder,
                     {.kind = "tokenizer",
                      .recipe = recipe_,
                      .class_names = inputs_.train->class_names(),
                      .data = inputs_.data,
                      .made_by = made_by(seed_),
                      .extra = extra},
                     tensors_of(*model_));
}

}  // namespace tessera
