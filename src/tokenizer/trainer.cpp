#include "tokenizer/trainer.h"

#include "base/error.h"
#include "base/random.h"
#include "tokenizer/adversarial_loss.h"
#include "tokenizer/code_distance.h"
#include "tokenizer/flops.h"
#include "training/device.h"
#include "training/schedule.h"

namespace tessera {
namespace {

// Below this share of the codebook in use (by perplexity) something is wrong, once training is
// under way.
constexpr double kCollapsedShare = 0.05;
constexpr int kUsageWindow = 20;  // steps over which codes are counted if none are revived
constexpr std::int64_t kCollapseAfterSteps = 300;
constexpr const char* kCodebook = "quantize.embedding.weight";

// A mean error of a fifth of a grey level: below it, losses only tell rounding from rounding.
constexpr double kNegligibleError = 1e-3;

double negligible_loss(const TokenizerTrainingConfig& config) {
  return kNegligibleError * (config.l1_weight + config.l2_weight + config.perceptual_weight);
}

AdamWOptions tokenizer_adamw(const TokenizerTrainingConfig& config) {
  return {.beta1 = config.beta1, .beta2 = config.beta2, .weight_decay = config.weight_decay};
}

VqModel initial_model(const Recipe& recipe, const TokenizerTrainer::Inputs& inputs,
                      std::uint64_t seed, const torch::Device& device) {
  torch::manual_seed(seed);
  VqModel model(recipe.tokenizer);
  if (inputs.initial) load_initial_weights(*model, *inputs.initial, recipe);
  model->recompute_levels(recipe.tokenizer_training.checkpoint_activations);
  model->to(device);
  return model;
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
      model_(initial_model(recipe, inputs_, seed, device)),
      regularizer_(recipe, seed),
      optimizer_(*model_, tokenizer_adamw(recipe.tokenizer_training)),
      regularizer_optimizer_((regularizer_->to(device), *regularizer_),
                             {.weight_decay = recipe.regularizer.weight_decay}),
      ema_(*model_, recipe.tokenizer_training.ema_decay),
      watch_(negligible_loss(recipe.tokenizer_training)),
      usage_(recipe.tokenizer.codebook_size) {
  const auto latents = inputs_.train->size() * static_cast<std::size_t>(recipe.tokens_per_image());
  if (latents < static_cast<std::size_t>(recipe.tokenizer.codebook_size))
    throw Error("tokenizer.codebook_size is " + std::to_string(recipe.tokenizer.codebook_size) +
                ", expected at most " + std::to_string(latents) + ", the latents of all " +
                std::to_string(inputs_.train->size()) + " training images");
  if (recipe.tokenizer_training.perceptual_weight > 0 && !inputs_.features)
    throw Error(
        "tokenizer_training.perceptual_weight is above 0 but there is no network for it: add "
        "--features DIR, " +
        std::string(recipe.tokenizer_training.perceptual == Perceptual::lpips
                        ? "a model folder of kind lpips"
                        : "made by `tessera train features`") +
        ", or --set tokenizer_training.perceptual_weight=0");
  if (recipe.tokenizer_training.adversarial_weight > 0) {
    if (const int start = recipe.tokenizer_training.adversarial_start; start >= steps_)
      say("warning: the adversarial loss is never felt: tokenizer_training.adversarial_start is " +
          std::to_string(start) + " of " + std::to_string(steps_) + " steps");
    adversary_.emplace(recipe.tokenizer_training, bf16_, device);
  }
  check_frozen_parts();
  if (inputs_.initial) inputs_.initial->tensors.clear();  // the model has them now
}

void TokenizerTrainer::check_frozen_parts() const {
  const auto& frozen = inputs_.frozen;
  const bool decoder_alone = recipe_.tokenizer_training.decoder_only_fraction > 0;
  if (frozen.decoder && ((frozen.encoder && frozen.quantizer) || decoder_alone))
    throw Error(decoder_alone ? "--freeze decoder with tokenizer_training.decoder_only_fraction "
                                "above 0: nothing would learn in the end"
                              : "--freeze encoder,quantizer,decoder: nothing would learn");
  if (frozen.decoder && recipe_.tokenizer_training.adversarial_weight > 0)
    throw UsageError(
        "--freeze decoder with tokenizer_training.adversarial_weight above 0, which acts through "
        "the decoder: add --set tokenizer_training.adversarial_weight=0");
  if (frozen.encoder && recipe_.regularizer.on())
    throw UsageError(
        "--freeze encoder with regularizer.weight above 0, which acts on the encoder alone: add "
        "--set regularizer.weight=0");
}

FrozenParts TokenizerTrainer::frozen_parts(std::int64_t step) const {
  auto frozen = inputs_.frozen;
  if (step >= decoder_only_start_) frozen.encoder = frozen.quantizer = true;
  return frozen;
}

bool TokenizerTrainer::regularized(std::int64_t step) const {
  return recipe_.regularizer.on() && step < decoder_only_start_ &&
         step >= recipe_.regularizer.start_step;
}

Progress::Values TokenizerTrainer::step(std::int64_t step, bool report) {
  begin(step);
  const auto images = image_tensor(loader_->next(), device_);
  const auto loss = add_gradients(images, step);
  watch_divergence(loss, step);
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

// Gradients of the losses, a part of the batch after the other; returns the means over the parts.
Losses TokenizerTrainer::add_gradients(const torch::Tensor& images, std::int64_t step) {
  const double share = 1.0 / recipe_.tokenizer_training.accumulate;
  Losses mean;
  std::vector<torch::Tensor> latents;
  discriminator_accuracy_ = 0;
  for (const auto& part : images.chunk(recipe_.tokenizer_training.accumulate)) {
    auto loss = losses(part, step);
    if (!loss.total.requires_grad())
      throw Error("no loss depends on a part that learns: freeze less, or turn on a loss");
    (share == 1 ? loss.total : loss.total * share).backward();
    teach_discriminator(loss, part, step);
    mean.add_share(loss, share);
    latents.push_back(latents_);
  }
  latents_ = torch::cat(latents);
  return mean;
}

void TokenizerTrainer::begin(std::int64_t step) {
  model_->train();
  if (!loader_) {
    if (step == 0 && !inputs_.initial && !inputs_.frozen.quantizer) initialise_codebook();
    loader_ = std::make_unique<TrainingLoader>(inputs_.train, recipe_.data,
                                               recipe_.tokenizer_training.batch_size, seed_, step);
  }
  model_->freeze(frozen_parts(step));
}

// Codes start as latents of real images, so that none is far from all data.
void TokenizerTrainer::initialise_codebook() {
  torch::NoGradGuard no_grad;
  const auto codes = recipe_.tokenizer.codebook_size;
  TrainingLoader loader(inputs_.train, recipe_.data, recipe_.tokenizer_training.batch_size,
                        mix({seed_, 0xc0deb00c}));
  std::vector<torch::Tensor> rows;
  for (std::int64_t count = 0; count < codes; count += rows.back().size(0))
    rows.push_back(as_rows(encode(image_tensor(loader.next(), device_)).latents));
  const auto all = torch::cat(rows);
  const auto chosen = torch::randperm(all.size(0), device_).slice(0, 0, codes);
  const auto every = torch::arange(codes, device_);
  model_->quantizer()->move_codes(every, all.index_select(0, chosen));
  ema_.place_rows(kCodebook, every);
}

// No loss can be computed from an output of the encoder that is not finite.
Coded TokenizerTrainer::encode(const torch::Tensor& images) {
  try {
    return model_->encode(images);
  } catch (const NotFinite& cause) {
    throw Diverged(cause.what());
  }
}

Losses TokenizerTrainer::losses(const torch::Tensor& images, std::int64_t step) {
  const Autocast autocast(bf16_, device_);
  const auto& config = recipe_.tokenizer_training;
  const auto frozen = frozen_parts(step);
  Losses losses;
  Coded coded;
  {
    torch::AutoGradMode grad(!(frozen.encoder && frozen.quantizer));
    coded = encode(images);
  }
  losses.decoded = model_->decode(coded.quantized);
  add_reconstruction(losses, images);
  add_adversarial(losses, step);
  {
    const Autocast exact(false, device_);
    auto& quantizer = model_->quantizer();
    if (!frozen.quantizer) {
      losses.add("codebook", config.codebook_weight, quantizer->codebook_loss(coded));
      quantizer->observe(coded);
    }
    if (!frozen.encoder)
      losses.add("commitment", config.commitment_weight, quantizer->commitment_loss(coded));
    if (config.entropy_weight > 0 && !(frozen.encoder && frozen.quantizer))
      losses.add("entropy", config.entropy_weight,
                 quantizer->entropy_loss(coded, config.entropy_temperature));
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

void TokenizerTrainer::add_reconstruction(Losses& losses, const torch::Tensor& images) {
  const auto& config = recipe_.tokenizer_training;
  const auto error = losses.decoded - images;
  losses.add("l1", config.l1_weight, error.abs().mean());
  losses.add("l2", config.l2_weight, error.square().mean());
  if (config.perceptual_weight > 0)
    losses.add("perceptual", config.perceptual_weight,
               inputs_.features->distance(losses.decoded, images).mean());
  losses.reconstruction = losses.total;
}

double TokenizerTrainer::adversarial_weight(std::int64_t step) const {
  return adversary_ ? adversary_->weight(step) * recovery_.adversarial_factor : 0;
}

void TokenizerTrainer::add_adversarial(Losses& losses, std::int64_t step) {
  double weight = adversarial_weight(step);
  if (weight == 0) return;
  const auto loss = adversary_->generator_loss(losses.decoded);
  if (recipe_.tokenizer_training.adaptive_weight) {
    const Autocast exact(false, device_);
    weight *= adaptive_weight(losses.reconstruction, loss, model_->last_layer());
  }
  losses.add("adversarial", weight, loss);
  losses.note("adversarial_weight", weight);
}

// The discriminator sees the reconstructions of this step, before either side learns from it.
void TokenizerTrainer::teach_discriminator(Losses& losses, const torch::Tensor& images,
                                           std::int64_t step) {
  if (!adversary_ || !adversary_->learns(step)) return;
  const double share = 1.0 / recipe_.tokenizer_training.accumulate;
  const auto verdict = adversary_->teach(images, losses.decoded, share);
  for (const auto& [name, value] : verdict.values()) losses.note(name, value);
  discriminator_accuracy_ += share * verdict.accuracy;
}

void TokenizerTrainer::watch_divergence(const Losses& losses, std::int64_t step) {
  const auto accuracy =
      adversarial_weight(step) > 0 ? std::optional(discriminator_accuracy_) : std::nullopt;
  watch_.observe(losses.reconstruction.item<double>(), accuracy);
}

void TokenizerTrainer::update_weights(std::int64_t step) {
  const auto& config = recipe_.tokenizer_training;
  const auto rate = [&](double peak) {
    return recovery_.rate_factor *
           learning_rate_at(step, steps_, peak, config.warmup_steps, config.decay_fraction);
  };
  gradient_norm_ = optimizer_.clip_gradients(config.clip_norm);
  optimizer_.step(rate(config.learning_rate));
  optimizer_.zero_gradients();
  model_->quantizer()->update_codes();
  ema_.update();
  // Codes that are averages themselves are not averaged again.
  if (recipe_.tokenizer.quantizer == QuantizerKind::ema)
    ema_.place_rows(kCodebook, torch::arange(recipe_.tokenizer.codebook_size, device_));
  if (adversary_ && adversary_->learns(step))
    adversary_->update(rate(config.discriminator_learning_rate), config.clip_norm);
  if (!regularized(step)) return;
  regularizer_optimizer_.clip_gradients(config.clip_norm);
  regularizer_optimizer_.step(rate(recipe_.regularizer.learning_rate));
  regularizer_optimizer_.zero_gradients();
}

// Codes that nothing chose since the last look move onto random latents of this step.
void TokenizerTrainer::revive_codes(std::int64_t step) {
  const auto& config = recipe_.tokenizer_training;
  const int window = config.revive_every > 0 ? config.revive_every : kUsageWindow;
  if ((step + 1) % window != 0) return;
  const bool allowed =
      config.revive_every > 0 &&
      static_cast<double>(step) < config.revive_until * static_cast<double>(steps_) &&
      !frozen_parts(step).quantizer;
  auto unused = usage_.unused();
  unused = unused.slice(0, 0, std::min(unused.size(0), latents_.size(0)));
  if (allowed && unused.size(0) > 0) {
    const auto chosen = torch::randperm(latents_.size(0), device_).slice(0, 0, unused.size(0));
    model_->quantizer()->move_codes(unused.to(device_), latents_.index_select(0, chosen));
    ema_.place_rows(kCodebook, unused.to(device_));
  }
  usage_.clear();
}

void TokenizerTrainer::watch_codebook(std::int64_t step, double perplexity) {
  const double share = perplexity / recipe_.tokenizer.codebook_size;
  // As many counts as codes say something: even ones would show over half of the codes.
  const auto counted = usage_.counts().sum().item<std::int64_t>();
  if (step < kCollapseAfterSteps || alarmed_ || counted < recipe_.tokenizer.codebook_size ||
      share >= kCollapsedShare)
    return;
  alarmed_ = true;
  say("warning: the codebook has collapsed at step " + std::to_string(step) + ": perplexity " +
      std::to_string(perplexity) + " of " + std::to_string(recipe_.tokenizer.codebook_size) +
      " codes; try a smaller regularizer.weight, " +
      (recipe_.tokenizer_training.revive_every == 0 ? "revive_every = 20" : "fewer codes") +
      ", or a lower learning_rate");
}

}  // namespace tessera
