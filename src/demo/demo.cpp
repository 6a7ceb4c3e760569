#include "demo/demo.h"

#include <sstream>

#include "base/error.h"
#include "base/progress.h"
#include "base/version.h"
#include "demo/arm.h"
#include "demo/report.h"
#include "demo/stages.h"
#include "features/train_features.h"

namespace tessera {
namespace {

struct ArmSpec {
  std::string name;
  std::vector<std::string> overrides;
};

const std::vector<std::string> kDefaultArms = {"plain: regularizer.weight=0", "CRT:"};

// Too few steps to learn much, enough to walk the whole path.
const std::vector<std::string> kQuickOverrides = {
    "tokenizer_training.steps=60",       "tokenizer_training.valid_images=200",
    "tokenizer_training.warmup_steps=5", "regularizer.anneal_steps=10",
    "generator_training.steps=60",       "generator_training.valid_images=200",
    "generator_training.warmup_steps=5"};

ArmSpec parse_arm(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.find('/') < colon)
    throw Error("--arm '" + text + "': expected \"name: table.key=value ...\"");
  ArmSpec arm{.name = text.substr(0, colon), .overrides = {}};
  std::istringstream words(text.substr(colon + 1));
  for (std::string word; words >> word;) arm.overrides.push_back(word);
  return arm;
}

// Beside the sources of a build tree, or where an installed program keeps its data.
std::string default_recipe() {
  const auto program = fs::read_symlink("/proc/self/exe").parent_path();
  for (const auto& place :
       {program / "../../recipes", program / "../share/tessera/recipes", fs::path("recipes")})
    if (const auto path = place / "fashion-mnist.toml"; fs::exists(path))
      return fs::canonical(path).string();
  throw Error("recipes/fashion-mnist.toml is not found beside the program: name one with --recipe");
}

nlohmann::json train_feature_network(const DemoOptions& options, const std::string& recipe,
                                     const fs::path& folder, int width, std::uint64_t seed) {
  TrainFeaturesOptions train;
  static_cast<RunOptions&>(train) = options;
  train.json.clear();
  train.recipe = recipe;
  train.data = options.data;
  train.out = folder.string();
  train.width = width;
  train.seed = seed;
  if (options.quick) train.steps = 100;
  train.resume = true;
  return train_features(train);
}

// A demo that is taken up again must be the same demo.
void check_same(const fs::path& path, const nlohmann::json& settings) {
  if (fs::exists(path) && read_json(path) != settings)
    throw Error(path.parent_path().string() +
                " holds a run with other settings: name another --out, or remove it");
  write_json(path, settings);
}

}  // namespace

nlohmann::json run_demo(const DemoOptions& options) {
  const fs::path out = options.out;
  const auto recipe = options.recipe.empty() ? default_recipe() : options.recipe;
  const auto arms = options.arms.empty() ? kDefaultArms : options.arms;
  const nlohmann::json settings = {{"recipe", read_file(recipe)},  {"data", options.data},
                                   {"held_out", options.held_out}, {"arms", arms},
                                   {"quick", options.quick},       {"samples", options.samples},
                                   {"guidance", options.guidance}, {"seed", options.seed},
                                   {"search", options.search}};
  check_same(out / "settings.json", settings);

  // The network of the loss is not the network of the metric, and neither depends on the seed of
  // the models.
  const fs::path features =
      options.features.empty() ? out / "features" : fs::path(options.features);
  const Stages shared(features / "stages");
  auto about = made_by(options.seed);
  about["features"]["loss"] = shared.run(
      "loss", [&] { return train_feature_network(options, recipe, features / "loss", 32, 1001); });
  about["features"]["metric"] = shared.run("metric", [&] {
    return train_feature_network(options, recipe, features / "metric", 48, 2002);
  });

  std::vector<ReportArm> reports;
  nlohmann::json results = nlohmann::json::object();
  for (const auto& text : arms) {
    const auto spec = parse_arm(text);
    if (!options.quiet) say("-- " + spec.name);
    ArmOptions arm;
    static_cast<RunOptions&>(arm) = options;
    arm.name = spec.name;
    arm.recipe = recipe;
    if (options.quick) arm.overrides = kQuickOverrides;
    arm.overrides.insert(arm.overrides.end(), spec.overrides.begin(), spec.overrides.end());
    arm.data = options.data;
    if (!options.search) arm.held_out = options.held_out;
    arm.loss_features = (features / "loss").string();
    arm.metric_features = (features / "metric").string();
    arm.folder = out / spec.name;
    arm.samples = options.quick ? 200 : options.samples;
    arm.guidance = options.quick ? std::vector<double>{1.5} : options.guidance;
    if (options.quick)
      arm.encoded_images = 4000, arm.held_out_images = 1000, arm.search_samples = 100;
    results[spec.name] = run_arm(arm);
    reports.push_back({spec.name, arm.folder, results[spec.name]});
  }
  about["settings"] = settings;
  about["settings"].erase("recipe");
  about["recipe"] = fs::path(recipe).filename().string();
  const nlohmann::json all = {{"arms", results}, {"about", about}};
  write_json(out / "results.json", all);
  write_report(out / "report.html",
               options.quick ? "Tessera: a quick look" : "Tessera: first light", reports, about);
  return all;
}

}  // namespace tessera
