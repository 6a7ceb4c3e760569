#include "features/train_features.h"

#include <cstdio>

#include "base/settings.h"
#include "base/version.h"
#include "features/feature_trainer.h"
#include "training/device.h"
#include "training/run_identity.h"

namespace tessera {
namespace {

void require(bool good, const char* flag, int found, const char* expected) {
  if (!good)
    throw Error(std::string(flag) + " is " + std::to_string(found) + ", expected " + expected);
}

void check(const TrainFeaturesOptions& options) {
  require(options.steps >= 1, "--steps", options.steps, "at least 1");
  require(options.width >= 1 && options.width <= 1024, "--width", options.width, "1 to 1024");
  require(options.batch_size >= 2, "--batch-size", options.batch_size, "at least 2");
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

nlohmann::json train_features(const TrainFeaturesOptions& options) {
  check(options);
  ModelConfig config;
  config.kind = "features";
  config.data = joined(options.data);
  config.made_by = made_by(options.seed);
  auto& data = config.recipe.data;
  if (!options.recipe.empty()) data = load_recipe(options.recipe, options.overrides).data;
  // Only [data] means something here; a tokenizer that halves nothing is valid at any image size.
  config.recipe.tokenizer.multipliers = {1};
  if (options.image_size != 0) data.image_size = options.image_size;
  data.validate();

  const TrainingFolder folder(options.out, options.resume, options.quiet);
  const auto device = open_device(options);
  const std::shared_ptr<const ImageSet> images = open_images(options.data);
  config.class_names = images->class_names();
  const FeatureTraining training{.steps = options.steps,
                                 .batch_size = options.batch_size,
                                 .learning_rate = options.learning_rate,
                                 .seed = options.seed,
                                 .bf16 = uses_bf16(Precision::automatic, device)};
  const bool hold_out = data.valid_fraction > 0;
  FeatureTrainer trainer(hold_out ? take_split(images, Split::train, data) : images,
                         hold_out ? take_split(images, Split::valid, data) : nullptr, config,
                         options.width, training, device);
  const TrainingRun run{
      .stage = "features",
      .folder = options.out,
      .settings = {{"data", to_json(data)},
                   {"width", options.width},
                   {"steps", options.steps},
                   {"batch_size", options.batch_size},
                   {"learning_rate", options.learning_rate}},
      // "images" is what older versions knew them by.
      .free_settings = {"/data/loader_threads", "/data/cache_megabytes", "/images"},
      .images = identity_of(*images),
      .device = options.device,
      .resume = options.resume,
      .quiet = options.quiet,
      .seed = options.seed,
      .steps = options.steps,
      .items_per_step = options.batch_size};
  auto results = run_training(trainer, run, folder);
  results.update({{"task", trainer.task()},
                  {"seed", options.seed},
                  {"data", config.data},
                  {"images", images->size()},
                  {"data_hash", listing_hash(*images)},
                  {"feature_space", model_hash(options.out)},
                  {"made_by", config.made_by}});
  return results;
}

void run_train_features(const TrainFeaturesOptions& options) {
  const auto results = train_features(options);
  write_results(options.json, results);
  if (options.quiet || options.json == "-") return;
  std::printf("%s: ", options.out.c_str());
  if (results["valid"].contains("accuracy"))
    std::printf("%.1f%% of %lld held-out images right (%s), ",
                100 * results["valid"]["accuracy"].get<double>(),
                results["valid"]["images"].get<long long>(),
                results["task"].get<std::string>().c_str());
  std::printf("%.0f s\n", results["seconds"].get<double>());
}

}  // namespace tessera
