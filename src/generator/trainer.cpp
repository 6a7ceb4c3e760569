#include "generator/trainer.h"

#include "base/error.h"
#include "base/random.h"
#include "base/version.h"
#include "generator/flops.h"
#include "generator/likelihood.h"
#include "samples/token_fit.h"
#include "training/device.h"
#include "training/op_cross_entropy.h"
#include "training/schedule.h"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

// Held-out nats a token above the best so far by this much: more than noise between validations.
constexpr double kMemorisingNats = 0.1;

Dropouts dropouts_of(const GeneratorTrainingConfig& config) {
  return {.token = config.token_dropout,
          .residual = config.residual_dropout,
          .ffn = config.ffn_dropout,
          .path = config.drop_path};
}

Transformer initial_model(const Recipe& recipe, const GeneratorTrainer::Inputs& inputs,
                          std::uint64_t seed, const torch::Device& device) {
  torch::manual_seed(seed);
  Transformer model(recipe.generator, shape_of(inputs.train),
                    dropouts_of(recipe.generator_training));
  if (inputs.initial) load_initial_weights(*model, *inputs.initial, recipe);
  model->recompute_blocks(recipe.generator_training.checkpoint_activations);
  model->to(device);
  return model;
}

AdamWOptions adamw_of(const GeneratorTrainingConfig& config) {
  return {.beta1 = config.beta1, .beta2 = config.beta2, .weight_decay = config.weight_decay};
}

}  // namespace

GeneratorTrainer::GeneratorTrainer(const Recipe& recipe, Inputs inputs, std::uint64_t seed,
                                   torch::Device device)
    : recipe_(recipe),
      inputs_(std::move(inputs)),
      seed_(seed),
      device_(device),
      bf16_(uses_bf16(recipe.generator_training.precision, device)),
      model_(initial_model(recipe, inputs_, seed, device)),
      optimizer_(*model_, adamw_of(recipe.generator_training)),
      ema_(*model_, recipe.generator_training.ema_decay),
      reported_(Clock::now()) {
  TESSERA_CHECK(!inputs_.train_images.empty());
  if (inputs_.initial) inputs_.initial->tensors.clear();  // the model has them now
}

Progress::Values GeneratorTrainer::step(std::int64_t step, bool report) {
  model_->train();
  const auto loss = add_gradients(draw_batch(step));
  const double gradient_norm = update_weights(step);
  if (!report) return {};
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - reported_).count();
  const double steps = static_cast<double>(step + 1 - reported_step_);
  reported_ = now;
  reported_step_ = step + 1;
  const auto& config = recipe_.generator_training;
  return {{"nats_per_token", loss.item<double>()},
          {"gradient_norm", gradient_norm},
          {"learning_rate",
           learning_rate_at(step, config.steps, config.learning_rate, config.warmup_steps,
                            config.decay_fraction, config.schedule)},
          {"sequences_per_second", steps * config.batch_size / seconds}};
}

// Gradients of the batch's mean loss, a part of the batch after the other; returns that loss.
torch::Tensor GeneratorTrainer::add_gradients(const TokenBatch& batch) {
  const int parts = recipe_.generator_training.accumulate;
  const auto codes = batch.codes.chunk(parts), labels = batch.labels.chunk(parts);
  auto mean = torch::zeros({}, torch::TensorOptions(device_));
  for (std::size_t part = 0; part < codes.size(); ++part) {
    torch::Tensor loss;
    {
      const Autocast autocast(bf16_, device_);
      const auto logits = model_(labels[part], codes[part]);  // [B / parts, T, V]
      loss = cross_entropy(logits.flatten(0, 1), codes[part].flatten()).mean() / parts;
    }
    loss.backward();
    mean += loss.detach();
  }
  return mean;
}

TokenBatch GeneratorTrainer::draw_batch(std::int64_t step) {
  const auto& config = recipe_.generator_training;
  const auto images = static_cast<std::int64_t>(inputs_.train_images.size());
  std::vector<SequenceId> sequences;
  std::vector<bool> dropped;
  for (std::int64_t visit = step * config.batch_size; visit < (step + 1) * config.batch_size;
       ++visit) {
    const auto image = epoch_order(visit / images)[static_cast<std::size_t>(visit % images)];
    Rng rng(mix({seed_, static_cast<std::uint64_t>(visit), 0x5e90e2ce}));
    const auto crop = rng.below(static_cast<std::uint64_t>(inputs_.train.crops()));
    sequences.push_back({image, static_cast<std::int64_t>(crop)});
    dropped.push_back(rng.uniform() < config.class_dropout);
  }
  auto batch = read_batch(inputs_.train, sequences, torch::kCPU);
  auto* labels = batch.labels.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < dropped.size(); ++i)
    if (dropped[i]) labels[i] = shape().classes;
  return {batch.codes.to(device_), batch.labels.to(device_)};
}

const std::vector<std::int64_t>& GeneratorTrainer::epoch_order(std::int64_t epoch) {
  if (epoch != ordered_epoch_) {
    order_ = inputs_.train_images;
    Rng rng(mix({seed_, static_cast<std::uint64_t>(epoch)}));
    shuffle(order_, rng);
    ordered_epoch_ = epoch;
  }
  return order_;
}

double GeneratorTrainer::update_weights(std::int64_t step) {
  const auto& config = recipe_.generator_training;
  const double norm = optimizer_.clip_gradients(config.clip_norm);
  optimizer_.step(learning_rate_at(step, config.steps, config.learning_rate, config.warmup_steps,
                                   config.decay_fraction, config.schedule));
  optimizer_.zero_gradients();
  ema_.update();
  return norm;
}

nlohmann::json GeneratorTrainer::validate() {
  if (inputs_.valid_sequences.empty()) return nlohmann::json::object();
  const Ema::Applied averaged(ema_);
  const auto limit = static_cast<std::size_t>(recipe_.generator_training.valid_images);
  const auto measured = measure_likelihood(model_, inputs_.valid,
                                           evenly_spread(inputs_.valid_sequences, limit), bf16_);
  watch_memorising(measured.nats_per_token());
  return measured.json();
}

void GeneratorTrainer::watch_memorising(double held_out_nats) {
  least_held_out_nats_ = std::min(least_held_out_nats_, held_out_nats);
  if (warned_ || held_out_nats < least_held_out_nats_ + kMemorisingNats) return;
  warned_ = true;
  say("warning: held-out nats_per_token was " + std::to_string(least_held_out_nats_) + " and is " +
      std::to_string(held_out_nats) +
      ": the training images are being learnt by heart; fewer --steps, more dropout, `encode "
      "--crops 10`, a smaller generator or more images");
}

TensorMap GeneratorTrainer::state() const {
  TensorMap state;
  add_with_prefix(state, tensors_of(*model_), "model.");
  add_with_prefix(state, optimizer_.state(), "optimizer.");
  add_with_prefix(state, ema_.state(), "ema.");
  return state;
}

void GeneratorTrainer::load_state(const TensorMap& state, const std::string& where) {
  load_tensors(*model_, without_prefix(state, "model."), where);
  optimizer_.load_state(without_prefix(state, "optimizer."), where);
  ema_.load_state(without_prefix(state, "ema."), where);
}

std::vector<std::int64_t> GeneratorTrainer::class_counts() const {
  std::vector<std::int64_t> counts(inputs_.train.class_names().size());
  for (const auto image : inputs_.train_images)
    ++counts[static_cast<std::size_t>(inputs_.train.label(image))];
  return counts;
}

void GeneratorTrainer::write_model(const fs::path& folder) const {
  const auto& shape = model_->shape();
  nlohmann::json extra = {{"vocabulary", shape.vocabulary},
                          {"grid", {shape.grid_rows, shape.grid_columns}},
                          {"tokenizer", inputs_.train.tokenizer_hash()},
                          {"tokens", inputs_.tokens_hash},
                          {"class_counts", class_counts()},
                          {"parameters", parameter_count(*model_)},
                          {"flops", flops_json(recipe_.generator, shape)},
                          {"steps", recipe_.generator_training.steps}};
  if (inputs_.initial) extra["init"] = inputs_.initial->hash;
  write_model_folder(folder,
                     {.kind = "generator",
                      .recipe = recipe_,
                      .class_names = inputs_.train.class_names(),
                      .data = inputs_.train.header().data,
                      .made_by = made_by(seed_),
                      .extra = extra},
                     ema_.tensors());
}

}  // namespace tessera
