#include "generator/train_generator.h"

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/settings.h"
#include "base/version.h"
#include "generator/flops.h"
#include "generator/generator.h"
#include "generator/trainer.h"
#include "samples/token_fit.h"
#include "training/device.h"
#include "training/run_identity.h"

namespace tessera {
namespace {

Recipe recipe_of(const TrainGeneratorOptions& options) {
  auto settings =
      options.preset.empty() ? std::vector<std::string>() : preset_settings(options.preset);
  settings.insert(settings.end(), options.overrides.begin(), options.overrides.end());
  auto recipe = load_recipe(options.recipe, settings);
  if (options.steps > 0) recipe.generator_training.steps = options.steps;
  return recipe;
}

// Held-out tokens with labels as the training tokens' classes, which may come in another order.
TokenFile open_valid_tokens(const fs::path& path, const TokenFile& train) {
  const auto valid = TokenFile::open(path);
  require_fit(valid, shape_of(train), train.tokenizer_hash());
  return matched_classes(valid, train.class_names(), "those of " + train.path().string());
}

// Without a file of its own, validation takes the images that --split valid would.
void hold_out(GeneratorTrainer::Inputs& inputs, const DataConfig& config) {
  inputs.valid = inputs.train;
  for (std::int64_t image = 0; image < inputs.train.images(); ++image) {
    if (is_held_out(static_cast<std::size_t>(image), config))
      inputs.valid_sequences.push_back({image, 0});
    else
      inputs.train_images.push_back(image);
  }
}

// Another vocabulary or class count would be a tensor of another shape; this says why.
InitialWeights open_initial(const std::string& folder, const TokenFile& tokens) {
  auto initial = read_initial_weights(folder, "generator");
  const auto found = shape_of(initial.config, folder), expected = shape_of(tokens);
  const auto require = [&](const char* what, int here, int there) {
    if (here != there)
      throw FileError(fs::path(folder) / "config.json", what, std::to_string(here),
                      std::to_string(there) + " as in " + tokens.path().string());
  };
  require("vocabulary", found.vocabulary, expected.vocabulary);
  require("number of classes", found.classes, expected.classes);
  return initial;
}

GeneratorTrainer::Inputs open_inputs(const TrainGeneratorOptions& options, const Recipe& recipe) {
  GeneratorTrainer::Inputs inputs;
  inputs.train = TokenFile::open(options.tokens);
  inputs.tokens_hash = sha256_file(options.tokens);
  if (options.valid_tokens.empty()) {
    hold_out(inputs, recipe.data);
  } else {
    inputs.valid = open_valid_tokens(options.valid_tokens, inputs.train);
    inputs.valid_sequences = all_sequences(inputs.valid);
    inputs.train_images.resize(static_cast<std::size_t>(inputs.train.images()));
    std::iota(inputs.train_images.begin(), inputs.train_images.end(), 0);
  }
  if (inputs.train_images.empty()) throw FileError(options.tokens, "holds no tokens to train on");
  if (!options.init.empty()) inputs.initial = open_initial(options.init, inputs.train);
  return inputs;
}

// The steps before the rate begins to fall (learning_rate_at).
std::int64_t constant_steps(const GeneratorTrainingConfig& config) {
  if (config.schedule == Schedule::cosine) return config.warmup_steps + 1;
  return static_cast<std::int64_t>(std::floor(config.steps * (1 - config.decay_fraction))) + 1;
}

// What no result of stage 2 depends on: it learns from tokens, and has no state to go back to that
// a checkpoint's date could change.
std::vector<std::string> settings_that_may_differ() {
  auto pointers = free_settings("generator_training");
  for (const char* other :
       {"/recipe/tokenizer", "/recipe/regularizer", "/recipe/tokenizer_training",
        "/recipe/generator_training/checkpoint_every"})
    pointers.push_back(other);
  return pointers;
}

// Two runs are the same up to a step when they differ in their ends only.
void check_branch(const nlohmann::json& settings, const nlohmann::json& before, std::int64_t step,
                  const std::string& branch) {
  const auto recipe_in = [&](const nlohmann::json& json) {
    return recipe_from_json(json.at("recipe"), branch + ": settings");
  };
  const auto recipe = recipe_in(settings), other = recipe_in(before);
  auto same = before;
  for (const char* key : {"steps", "decay_fraction"})
    same["recipe"]["generator_training"][key] = settings["recipe"]["generator_training"][key];
  if (const auto what = difference_of_settings(settings, same, settings_that_may_differ());
      !what.empty())
    throw UsageError("--branch " + branch + " was trained with other settings (" + what +
                     "); only steps and decay_fraction may differ");
  for (const auto& config : {other.generator_training, recipe.generator_training})
    if (const auto constant = constant_steps(config); step > constant)
      throw UsageError("--branch " + branch + " is at step " + std::to_string(step) +
                       ", expected at most " + std::to_string(constant) + ", where the rate of " +
                       std::to_string(config.steps) + " steps begins to fall");
}

}  // namespace

nlohmann::json train_generator(const TrainGeneratorOptions& options) {
  const auto recipe = recipe_of(options);
  const TrainingFolder folder(options.out, options.resume, options.quiet);
  const auto device = open_device(options);
  auto inputs = open_inputs(options, recipe);
  nlohmann::json settings = {
      {"recipe", to_json(recipe)},
      {"tokens", inputs.tokens_hash},
      {"valid_tokens", options.valid_tokens.empty() ? "" : sha256_file(options.valid_tokens)}};
  if (inputs.initial) settings["init"] = inputs.initial->hash;
  const auto tokenizer = inputs.train.tokenizer_hash();
  const auto images = inputs.train_images.size();
  GeneratorTrainer trainer(recipe, std::move(inputs), options.seed, device);
  const auto& config = recipe.generator_training;
  auto result = run_training(
      trainer,
      {.stage = "generator",
       .folder = options.out,
       .settings = settings,
       .free_settings = settings_that_may_differ(),
       .images = {},
       .device = options.device,
       .resume = options.resume,
       .quiet = options.quiet,
       .seed = options.seed,
       .steps = config.steps,
       .log_every = config.log_every,
       .valid_every = config.valid_every,
       .checkpoint_every = config.checkpoint_every,
       .items_per_step = config.batch_size,
       .branch_of = options.branch,
       .check_branch = [&](const auto& before,
                           auto step) { check_branch(settings, before, step, options.branch); }},
      folder);
  const double sequences = static_cast<double>(config.steps) * config.batch_size;
  result["parameters"] = count_parameters(recipe.generator, trainer.shape());
  result["training_flops"] =
      3 * forward_flops(recipe.generator, trainer.shape()).total() * sequences;
  result["flops"] = flops_json(recipe.generator, trainer.shape());
  result["train_images"] = images;
  result["tokenizer"] = tokenizer;
  result["tokens"] = settings["tokens"];
  result["valid_tokens"] = settings["valid_tokens"];
  result["data"] = options.tokens;
  if (settings.contains("init")) result["init"] = settings["init"];
  result.update(made_by(options.seed));
  return result;
}

}  // namespace tessera
