#include "experiment/study_experiment.h"

#include <cmath>

#include "base/output.h"
#include "base/progress.h"
#include "base/settings.h"
#include "base/version.h"
#include "dataset/image_set.h"
#include "experiment/feature_networks.h"
#include "experiment/generator_experiment.h"
#include "experiment/measured_samples.h"
#include "experiment/tokenizer_experiment.h"
#include "generator/flops.h"
#include "models/model_config.h"
#include "tokenizer/flops.h"
#include "training/training_folder.h"

namespace tessera {
namespace {

class StudyExperiment {
 public:
  StudyExperiment(const SweepFile& file, const StudyFolder& folder, const PlannedRun& run,
                  const RunOptions& options)
      : file_(file), folder_(folder), run_(run), here_(folder.models(run.id)) {
    static_cast<RunOptions&>(options_) = stage_options<RunOptions>(options);
    options_.seed = run.kind == RunKind::generator ? run.generator_seed : run.seed;
    options_.recipe = file.recipe;
    options_.overrides = run.set;
    options_.data = file.data;
    options_.held_out = file.held_out;
    const auto networks = networks_folder();
    options_.loss_features = (networks / "loss").string();
    options_.metric_features = (networks / "metric").string();
    options_.samples = file.samples;
    options_.search_samples = file.search_samples;
    options_.held_out_images = file.measured_images;
    options_.guidance = file.guidance;
  }

  nlohmann::json run() {
    // A worker that was taken for dead may be slow to notice.
    const auto lock = FolderLock::wait(
        here_, [&](const auto& owner) { say(run_.id + " waits for " + owner + ", which has it"); });
    nlohmann::json result;
    if (run_.kind == RunKind::features) result = features();
    if (run_.kind == RunKind::tokenizer) result = tokenizer();
    if (run_.kind == RunKind::generator) result = generator();
    result["run"] = to_json(run_);
    result["recipe"] = to_json(run_.recipe);
    result["threads"] = options_.threads;
    result.update(made_by(options_.seed));
    return result;
  }

 private:
  fs::path networks_folder() const {
    if (!file_.features.empty()) return file_.features;
    return folder_.models(run_.kind == RunKind::features ? run_.id : run_.needs.front());
  }

  nlohmann::json features() const {
    const FeatureNetworks networks{
        .folder = here_, .recipe = file_.recipe, .data = file_.data, .set = run_.set};
    nlohmann::json result;
    for (const char* name : {"loss", "metric"}) {
      forget_unless_done(name, here_ / name);
      result[name] = networks.train(name, options_);
    }
    return result;
  }

  nlohmann::json tokenizer() const {
    forget_unless_done("tokenizer", here_ / "tokenizer");
    const TokenizerExperiment experiment(options_, here_);
    nlohmann::json result = {{"tokenizer", experiment.train()}};
    result["tokenizer"]["model"] = model_hash(here_ / "tokenizer");
    experiment.encode();
    result["reconstruction"] = experiment.measure();
    remove_training(here_ / "tokenizer");
    return result;
  }

  nlohmann::json generator() {
    auto points = nlohmann::json::array();
    std::string trunk;
    SampleReferences references(options_, run_.recipe.data, tokenizer_folder() / "tokenizer");
    for (std::size_t point = 0; point < run_.points.size(); ++point) {
      trunk = extend(trunk, point);
      points.push_back(finish(trunk, point, references));
    }
    for (std::size_t point = 0; point < run_.points.size(); ++point)
      fs::remove_all(here_ / trunk_name(point));
    return {{"points", points}};
  }

  // A model that is to be made again, since not all that its run made was kept.
  void forget_unless_done(const std::string& stage, const fs::path& model) const {
    if (!fs::exists(here_ / "stages" / (stage + ".json")) &&
        TrainingFolder::holds_finished_model(model))
      fs::remove_all(model);
  }

  // What the checkpoints of a finished model took.
  static void remove_training(const fs::path& model) { fs::remove_all(model / "training"); }

  static std::string trunk_name(std::size_t point) { return "trunk-" + std::to_string(point); }

  ExperimentOptions with_steps(int steps, double decay_fraction) const {
    auto options = options_;
    options.overrides.push_back("generator_training.steps=" + std::to_string(steps));
    options.overrides.push_back("generator_training.schedule=constant");
    options.overrides.push_back("generator_training.decay_fraction=" +
                                nlohmann::json(decay_fraction).dump());
    return options;
  }
  fs::path tokenizer_folder() const { return folder_.models(run_.needs.back()); }
  GeneratorFolders folders(std::size_t point, const std::string& generator,
                           const std::string& prefix) const {
    const auto number = std::to_string(point);
    return {.tokenizer = tokenizer_folder(),
            .folder = here_,
            .generator = generator,
            .samples = "samples-" + number + ".png",
            .prefix = prefix + number + "-"};
  }

  // The steps of a finished model before its rate falls.
  int constant_steps(std::size_t point) const {
    return std::max(1,
                    static_cast<int>(std::lround(run_.points[point] * (1 - file_.decay_fraction))));
  }

  // The run at a constant rate, up to where the point's rate begins to fall.
  std::string extend(const std::string& trunk, std::size_t point) const {
    const auto options = with_steps(constant_steps(point), 0);
    forget_unless_done("trunk-" + std::to_string(point) + "-generator", here_ / trunk_name(point));
    GeneratorExperiment(options, folders(point, trunk_name(point), "trunk-")).train(trunk);
    return (here_ / trunk_name(point)).string();
  }

  nlohmann::json finish(const std::string& trunk, std::size_t point,
                        SampleReferences& references) const {
    const int steps = run_.points[point];
    auto options = with_steps(steps, static_cast<double>(steps - constant_steps(point)) / steps);
    options.nearest_train = point + 1 == run_.points.size();  // it takes longer than all the rest
    const auto where = folders(point, "generator-" + std::to_string(point), "point-");
    forget_unless_done("point-" + std::to_string(point) + "-generator", here_ / where.generator);
    const GeneratorExperiment experiment(options, where);
    nlohmann::json result = {{"generator", experiment.train(trunk)},
                             {"likelihood", experiment.likelihood()},
                             {"generation", experiment.generation(references)},
                             {"samples", where.samples}};
    remove_training(here_ / where.generator);
    return result;
  }

  const SweepFile& file_;
  const StudyFolder& folder_;
  const PlannedRun& run_;
  fs::path here_;
  ExperimentOptions options_;
};

GeneratorShape shape_of(const Recipe& recipe) {
  constexpr int kClasses = 10;  // how many hardly matters to a count
  return {.vocabulary = recipe.tokenizer.codebook_size,
          .classes = kClasses,
          .grid_rows = recipe.grid(),
          .grid_columns = recipe.grid()};
}

RunCost tokenizer_cost(const Recipe& recipe, const ImageCounts& images) {
  const double passes = recipe.data.flip ? 2 : 1;
  const auto flops = tokenizer_flops(recipe);
  // Train, valid and held-out images are encoded; the last are encoded and decoded again.
  return {.flops = tokenizer_training_flops(recipe, tokenizer_steps(recipe)) +
                   flops.encoder * (images.train * passes + images.valid + 2 * images.held_out) +
                   flops.decoder * images.held_out,
          .bytes = static_cast<std::size_t>(
              4 * static_cast<double>(tokenizer_parameters(recipe.tokenizer)) +
              2 * recipe.tokens_per_image() * images.train * passes)};
}

RunCost generator_cost(const SweepFile& file, const PlannedRun& run, const ImageCounts& images) {
  const auto shape = shape_of(run.recipe);
  const double step = 3 * forward_flops(run.recipe.generator, shape).total() *
                      run.recipe.generator_training.batch_size;
  const double drawn =
      file.samples + file.search_samples * static_cast<double>(file.guidance.size());
  const double image =
      2 * cached_flops(run.recipe.generator, shape).total() + tokenizer_flops(run.recipe).decoder;
  const auto tokenizer = tokenizer_flops(run.recipe);
  RunCost cost{.flops = (tokenizer.encoder + tokenizer.decoder) * images.held_out};
  double before = 0;
  for (const int steps : run.points) {
    const double constant = steps * (1 - file.decay_fraction);
    cost.flops += step * (constant - before + steps * file.decay_fraction) + drawn * image;
    before = constant;
  }
  cost.bytes =
      static_cast<std::size_t>(4 * static_cast<double>(run.points.size()) *
                               static_cast<double>(count_parameters(run.recipe.generator, shape)));
  return cost;
}

}  // namespace

nlohmann::json run_study_experiment(const SweepFile& file, const StudyFolder& folder,
                                    const PlannedRun& run, const RunOptions& options) {
  return StudyExperiment(file, folder, run, options).run();
}

ImageCounts ImageCounts::of(const SweepFile& file) {
  const auto config = load_recipe(file.recipe, file.set).data;
  const auto all = static_cast<double>(open_images(file.data)->size());
  ImageCounts counts{.train = all * (1 - config.valid_fraction),
                     .valid = all * config.valid_fraction};
  counts.held_out = file.held_out.empty() ? counts.valid
                                          : static_cast<double>(open_images(file.held_out)->size());
  if (file.measured_images > 0)
    counts.held_out = std::min(counts.held_out, double{1} * file.measured_images);
  return counts;
}

StudyInputs inputs_of(const SweepFile& file) {
  const auto images = open_images(file.data);
  StudyInputs inputs{.images = listing_hash(*images)};
  if (!file.held_out.empty()) {
    const auto held_out = open_images(file.held_out);
    warn_of_other_classes("data", images->class_names(), "held_out", held_out->class_names());
    inputs.held_out = listing_hash(*held_out);
  }
  if (!file.features.empty())
    inputs.features = model_hash(fs::path(file.features) / "loss") +
                      model_hash(fs::path(file.features) / "metric");
  return inputs;
}

RunCost cost_of(const SweepFile& file, const PlannedRun& run, ImageCounts images) {
  if (run.recipe.data.train_images > 0)
    images.train = std::min(images.train, static_cast<double>(run.recipe.data.train_images));
  if (run.kind == RunKind::tokenizer) return tokenizer_cost(run.recipe, images);
  if (run.kind == RunKind::generator) return generator_cost(file, run, images);
  return {};
}

}  // namespace tessera
