#include "tokenizer/train_tokenizer.h"

#include "base/error.h"
#include "base/settings.h"
#include "base/version.h"
#include "tokenizer/activation_memory.h"
#include "tokenizer/flops.h"
#include "tokenizer/trainer.h"
#include "training/device.h"
#include "training/run_identity.h"

namespace tessera {
namespace {

FrozenParts parse_frozen(const std::vector<std::string>& names) {
  FrozenParts frozen;
  for (const auto& name : names) {
    if (name == "encoder")
      frozen.encoder = true;
    else if (name == "quantizer")
      frozen.quantizer = true;
    else if (name == "decoder")
      frozen.decoder = true;
    else
      throw UsageError("--freeze is '" + name + "', expected encoder, quantizer or decoder");
  }
  return frozen;
}

// What two runs must share for one to be resumed as the other.
nlohmann::json settings_of(const Recipe& recipe, const TokenizerTrainer::Inputs& inputs) {
  nlohmann::json settings = {{"recipe", to_json(recipe)},
                             {"features", inputs.features ? inputs.features->hash() : ""}};
  if (inputs.initial) settings["init"] = inputs.initial->hash;
  for (const auto& [name, frozen] : {std::pair{"encoder", inputs.frozen.encoder},
                                     {"quantizer", inputs.frozen.quantizer},
                                     {"decoder", inputs.frozen.decoder}})
    if (frozen) settings["freeze"].push_back(name);
  return settings;
}

// What no result of stage 1 depends on; "data" is how older versions spelled the images.
std::vector<std::string> settings_that_may_differ() {
  auto pointers = free_settings("tokenizer_training");
  for (const char* other : {"/data", "/recipe/generator", "/recipe/generator_training"})
    pointers.push_back(other);
  return pointers;
}

TokenizerTrainer::Inputs open_inputs(const TrainTokenizerOptions& options, const Recipe& recipe,
                                     const torch::Device& device, nlohmann::json& identity) {
  TokenizerTrainer::Inputs inputs;
  inputs.frozen = parse_frozen(options.freeze);
  if (!options.init.empty()) inputs.initial = read_initial_weights(options.init, "tokenizer");
  for (const auto& part : options.data) inputs.data += (inputs.data.empty() ? "" : " ") + part;
  std::shared_ptr<const ImageSet> images = open_images(options.data);
  identity = identity_of(*images);
  if (!options.valid_data.empty()) {
    inputs.train = images;
    inputs.valid = open_images(options.valid_data);
    warn_of_other_classes("--data", images->class_names(), "--valid-data",
                          inputs.valid->class_names());
  } else if (recipe.data.valid_fraction > 0) {
    inputs.train = take_split(images, Split::train, recipe.data);
    inputs.valid = take_split(images, Split::valid, recipe.data);
    if (inputs.valid->size() == 0) inputs.valid = nullptr;
  } else {
    inputs.train = images;
  }
  if (!options.features.empty())
    inputs.features =
        PerceptualNet::load(options.features, recipe.tokenizer_training.perceptual, device);
  return inputs;
}

}  // namespace

nlohmann::json train_tokenizer(const TrainTokenizerOptions& options) {
  auto recipe = load_recipe(options.recipe, options.overrides);
  if (options.steps > 0) recipe.tokenizer_training.steps = options.steps;
  const TrainingFolder folder(options.out, options.resume, options.quiet);
  const auto device = open_device(options);
  nlohmann::json images;
  if (device.is_cpu())
    require_activation_memory(
        recipe.tokenizer, recipe.data.image_size,
        recipe.tokenizer_training.batch_size / recipe.tokenizer_training.accumulate,
        "data.image_size is " + std::to_string(recipe.data.image_size));
  auto inputs = open_inputs(options, recipe, device, images);
  const auto settings = settings_of(recipe, inputs);
  const auto data = inputs.data;
  TokenizerTrainer trainer(recipe, std::move(inputs), options.seed, device);
  const auto& config = recipe.tokenizer_training;
  auto result =
      run_training(trainer,
                   {.stage = recipe.regularizer.on() ? "tokenizer (CRT)" : "tokenizer (plain)",
                    .folder = options.out,
                    .settings = settings,
                    .free_settings = settings_that_may_differ(),
                    .images = images,
                    .device = options.device,
                    .resume = options.resume,
                    .quiet = options.quiet,
                    .seed = options.seed,
                    .steps = trainer.steps(),
                    .log_every = config.log_every,
                    .valid_every = config.valid_every,
                    .checkpoint_every = config.checkpoint_every,
                    .items_per_step = config.batch_size},
                   folder);
  result["training_flops"] = tokenizer_training_flops(recipe, trainer.steps());
  result["parameters"] = tokenizer_parameters(recipe.tokenizer);
  result["data"] = data;
  if (settings.contains("init")) result["init"] = settings["init"];
  result.update(made_by(options.seed));
  return result;
}

}  // namespace tessera
