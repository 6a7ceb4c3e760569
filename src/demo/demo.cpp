#include "demo/demo.h"

#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/output.h"
#include "base/processes.h"
#include "base/settings.h"
#include "base/version.h"
#include "demo/arm.h"
#include "demo/report.h"
#include "experiment/feature_networks.h"
#include "recipe/recipe.h"

namespace tessera {
namespace {

struct ArmSpec {
  std::string name;
  std::vector<std::string> overrides;
};

const std::vector<std::string> kDefaultArms = {"plain: regularizer.weight=0", "CRT:"};

// Too few steps to learn much, enough to walk the whole path; measured often enough for curves.
const std::vector<std::string> kQuickOverrides = {
    "tokenizer_training.steps=60",         "tokenizer_training.valid_images=200",
    "tokenizer_training.valid_every=10",   "tokenizer_training.warmup_steps=5",
    "regularizer.anneal_steps=10",         "generator_training.steps=60",
    "generator_training.valid_images=200", "generator_training.valid_every=10",
    "generator_training.warmup_steps=5"};

constexpr int kQuickFeatureSteps = 100;

ArmSpec parse_arm(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.find('/') < colon)
    throw UsageError("--arm '" + text + "': expected \"name: table.key=value ...\"");
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

// A demo that is taken up again must be the same demo.
void check_same(const fs::path& path, const nlohmann::json& settings) {
  if (fs::exists(path) && read_json(path) != settings)
    throw Error(path.parent_path().string() +
                " holds a run with other settings: name another --out, or remove it");
  write_json(path, settings);
}

// Two feature networks, then the arms, each in a process of its own with its share of the threads:
// models this small use two threads badly, and two processes well.
class Demo {
 public:
  explicit Demo(const DemoOptions& options)
      : options_(options),
        out_(options.out),
        recipe_(options.recipe.empty() ? default_recipe() : options.recipe),
        features_{
            .folder = options.features.empty() ? out_ / "features" : fs::path(options.features),
            .recipe = recipe_,
            .data = options.data,
            .steps = options.quick ? kQuickFeatureSteps : 0} {
    for (const auto& text : options.arms.empty() ? kDefaultArms : options.arms)
      arms_.push_back(parse_arm(text));
  }

  nlohmann::json run() {
    const FolderLock lock(out_);
    check_same(out_ / "settings.json", settings());
    in_processes({{"loss features", [&] { feature_network("loss"); }},
                  {"metric features", [&] { feature_network("metric"); }}});
    std::vector<Job> jobs;
    for (const auto& spec : arms_) jobs.push_back({spec.name, [&] { arm(spec); }});
    in_processes(jobs);
    return write_results();
  }

 private:
  nlohmann::json settings() const {
    auto arms = nlohmann::json::array();
    for (const auto& arm : arms_) arms.push_back({{"name", arm.name}, {"set", arm.overrides}});
    return {{"recipe", to_json(load_recipe(recipe_))},
            {"data", options_.data},
            {"held_out", options_.held_out},
            {"arms", arms},
            {"quick", options_.quick},
            {"samples", options_.samples},
            {"guidance", options_.guidance},
            {"seed", options_.seed},
            {"search", options_.search}};
  }

  int threads() const {
    return options_.threads > 0
               ? options_.threads
               : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }

  void in_processes(const std::vector<Job>& jobs) {
    const int workers = std::min(threads(), static_cast<int>(jobs.size()));
    share_ = std::max(1, threads() / workers);
    run_in_processes(jobs, workers);
  }

  RunOptions run_options() const {
    auto result = stage_options<RunOptions>(options_);
    result.threads = share_;
    return result;
  }

  nlohmann::json feature_network(const std::string& name) const {
    return features_.train(name, run_options());
  }

  ExperimentOptions arm_options(const ArmSpec& spec) const {
    auto arm = stage_options<ExperimentOptions>(run_options());
    arm.recipe = recipe_;
    if (options_.quick) arm.overrides = kQuickOverrides;
    arm.overrides.insert(arm.overrides.end(), spec.overrides.begin(), spec.overrides.end());
    arm.data = options_.data;
    if (!options_.search) arm.held_out = options_.held_out;
    arm.loss_features = features_.path("loss");
    arm.metric_features = features_.path("metric");
    arm.samples = options_.quick ? 200 : options_.samples;
    arm.guidance = options_.quick ? std::vector<double>{1.5} : options_.guidance;
    if (options_.quick)
      arm.encoded_images = 4000, arm.held_out_images = 1000, arm.search_samples = 100;
    return arm;
  }

  nlohmann::json arm(const ArmSpec& spec) const {
    return run_arm(arm_options(spec), out_ / spec.name);
  }

  // Every stage is done: this reads what the processes left.
  nlohmann::json write_results() const {
    auto about = made_by(options_.seed);
    for (const char* name : {"loss", "metric"}) about["features"][name] = feature_network(name);
    std::vector<ReportArm> reports;
    nlohmann::json results = nlohmann::json::object();
    for (const auto& spec : arms_) {
      results[spec.name] = arm(spec);
      reports.push_back({spec.name, out_ / spec.name, results[spec.name]});
    }
    about["settings"] = settings();
    about["settings"].erase("recipe");
    about["recipe"] = fs::path(recipe_).filename().string();
    const nlohmann::json all = {{"arms", results}, {"about", about}};
    write_json(out_ / "results.json", all);
    write_report(out_ / "report.html",
                 options_.quick ? "Tessera: a quick look" : "Tessera: first light", reports, about);
    return all;
  }

  const DemoOptions& options_;
  fs::path out_;
  std::string recipe_;
  FeatureNetworks features_;
  std::vector<ArmSpec> arms_;
  int share_ = 1;  // threads of each process
};

}  // namespace

nlohmann::json run_demo(const DemoOptions& options) { return Demo(options).run(); }

}  // namespace tessera
