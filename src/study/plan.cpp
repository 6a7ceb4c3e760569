#include "study/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/settings.h"

namespace tessera {
namespace {

constexpr std::size_t kIdDigits = 10;
constexpr std::uint64_t kGeneratorSeedStep = 1000;

// Settings younger than studies whose results are kept: they are part of an id only where they
// differ from their default, so that the id of an older run stays what it was.
constexpr std::array kYoungSettings = {"/regularizer/attach", "/regularizer/reduction",
                                       "/regularizer/order"};

// A recipe's settings as ids are made of them.
nlohmann::json settings_of_id(const Recipe& recipe) {
  auto json = to_json(recipe);
  const auto defaults = to_json(Recipe{});
  for (const char* place : kYoungSettings) {
    const nlohmann::json::json_pointer pointer(place);
    if (json.at(pointer) == defaults.at(pointer))
      json.at(pointer.parent_pointer()).erase(pointer.back());
  }
  return json;
}

std::string table_of(const std::string& key) { return key.substr(0, key.find('.')); }
std::string key_of(const std::string& assignment) {
  return assignment.substr(0, assignment.find('='));
}

// Whether a setting belongs to the second stage.
bool is_of_generator(const std::string& key) {
  const auto table = table_of(key);
  return table == "generator" || table == "generator_training" || table == "sampling";
}

// Whether a design may set it: its tokens may ask for another batch, so that a step costs the same.
bool is_of_design(const std::string& key) {
  return !is_of_generator(key) || table_of(key) == "generator_training";
}

// A design or generator with one value of each of its axes.
struct Variant {
  std::string name;
  std::vector<std::string> set;
  int seeds = 1;
};

// Every combination of the values of the axes of one stage.
std::vector<Variant> variants_of(std::vector<Variant> variants, const Sweep& sweep,
                                 bool generator) {
  for (const auto& axis : sweep.axes) {
    if (is_of_generator(axis.key) != generator) continue;
    std::vector<Variant> more;
    for (const auto& variant : variants)
      for (const auto& value : axis.values) {
        more.push_back(variant);
        more.back().name += ", " + axis.key.substr(axis.key.find('.') + 1) + " " + value.dump();
        more.back().set.push_back(axis.key + "=" + value.dump());
      }
    variants = std::move(more);
  }
  return variants;
}

std::vector<Variant> designs_of(const Sweep& sweep) {
  std::vector<Variant> designs;
  for (const auto& base : sweep.designs) designs.push_back({base.name, base.set});
  return variants_of(std::move(designs), sweep, false);
}

std::vector<Variant> generators_of(const Sweep& sweep) {
  std::vector<Variant> generators;
  for (const auto& base : sweep.generators) generators.push_back({base.name, base.set, base.seeds});
  if (generators.empty()) generators.push_back({"recipe", {}});
  return variants_of(std::move(generators), sweep, true);
}

nlohmann::json value_of(const nlohmann::json& recipe, const std::string& key) {
  const auto table = table_of(key);
  return recipe.value(table, nlohmann::json::object())
      .value(key.substr(key.find('.') + 1), nlohmann::json());
}

// Every setting that the file changes somewhere.
std::set<std::string> varied_keys(const SweepFile& file) {
  std::set<std::string> keys;
  for (const auto& sweep : file.sweeps) {
    for (const auto& design : sweep.designs)
      for (const auto& assignment : design.set) keys.insert(key_of(assignment));
    for (const auto& generator : sweep.generators)
      for (const auto& assignment : generator.set) keys.insert(key_of(assignment));
    for (const auto& axis : sweep.axes) keys.insert(axis.key);
  }
  return keys;
}

std::string id_of(const char* prefix, const nlohmann::json& all) {
  return std::string(prefix) + "-" + sha256(all.dump()).substr(0, kIdDigits);
}

class Planner {
 public:
  Planner(const SweepFile& file, const StudyInputs& inputs)
      : file_(file), inputs_(inputs), varied_(varied_keys(file)) {
    if (file.features.empty()) add_features();
  }

  Plan plan() {
    for (const auto& sweep : file_.sweeps) add(sweep);
    for (auto& run : runs_)
      if (run.kind == RunKind::generator) give_id(run);
    return {std::move(runs_)};
  }

 private:
  void add_features() {
    PlannedRun run{.kind = RunKind::features};
    run.recipe = load_recipe(file_.recipe, file_.set);
    run.set = file_.set;
    run.id = id_of("f", {{"data", to_json(run.recipe.data)}, {"images", inputs_.images}});
    features_ = {run.id};
    runs_.push_back(run);
  }

  // Runs are in the order of work: seed by seed, each tokenizer followed by the sweep's generators
  // on it, so that an interrupted study holds whole comparisons.
  void add(const Sweep& sweep) {
    for (const auto seed : sweep.seeds.empty() ? file_.seeds : sweep.seeds)
      for (const auto& design : designs_of(sweep)) {
        const auto tokenizer = add_tokenizer(sweep, design, seed);
        for (const auto& generator : generators_of(sweep))
          add_generators(sweep, design, generator, tokenizer);
      }
  }

  PlannedRun make_run(const Sweep& sweep, const std::string& what, std::vector<std::string> set,
                      std::uint64_t seed) const {
    PlannedRun run;
    run.set = file_.set;
    run.set.insert(run.set.end(), set.begin(), set.end());
    run.seed = run.generator_seed = seed;
    try {
      run.recipe = load_recipe(file_.recipe, run.set);
    } catch (const Error& error) {
      throw Error("sweep " + sweep.name + ", " + what + ": " + error.what());
    }
    const auto all = to_json(run.recipe);
    run.settings = nlohmann::json::object();
    for (const auto& key : varied_) run.settings[key] = value_of(all, key);
    return run;
  }

  // A name means one thing in all sweeps: fits, findings and the report go by it.
  void require_same(const Sweep& sweep, const std::string& what, const nlohmann::json& settings) {
    const auto [place, is_new] = named_.emplace(what, settings);
    if (!is_new && place->second != settings)
      throw Error("sweep " + sweep.name + ", " + what +
                  " is set otherwise than where it was named before: give it another name");
  }

  PlannedRun add_tokenizer(const Sweep& sweep, const Variant& design, std::uint64_t seed) {
    for (const auto& assignment : design.set)
      if (!is_of_design(key_of(assignment)))
        throw Error("sweep " + sweep.name + ", design " + design.name + " sets " +
                    key_of(assignment) + ", which is a generator's");
    const auto what = "design " + design.name;
    auto run = make_run(sweep, what, design.set, seed);
    require_same(sweep, what,
                 {to_json(run.recipe.data), to_json(run.recipe.tokenizer),
                  to_json(run.recipe.regularizer), to_json(run.recipe.tokenizer_training)});
    run.kind = RunKind::tokenizer;
    run.needs = features_;
    run.design = design.name;
    const auto settings = settings_of_id(run.recipe);
    run.id = id_of("t", {{"data", settings["data"]},
                         {"tokenizer", settings["tokenizer"]},
                         {"regularizer", settings["regularizer"]},
                         {"training", settings["tokenizer_training"]},
                         {"seed", seed},
                         {"images", inputs_.images},
                         {"held_out", inputs_.held_out},
                         {"features", inputs_.features},
                         {"needs", features_},
                         {"measured", file_.measured_images}});
    // The same tokenizer may have a name in one sweep and another in the next: rows go by the
    // first.
    if (const auto [place, fresh] = tokenizers_.emplace(run.id, run.design); fresh)
      runs_.push_back(run);
    else if (place->second != design.name)
      throw Error("sweep " + sweep.name + ", design " + design.name + " is the same as " +
                  place->second + ": give it that name");
    return run;
  }

  // One for each of its seeds.
  void add_generators(const Sweep& sweep, const Variant& design, const Variant& generator,
                      const PlannedRun& tokenizer) {
    for (const auto& assignment : generator.set)
      if (!is_of_generator(key_of(assignment)))
        throw Error("sweep " + sweep.name + ", generator " + generator.name + " sets " +
                    key_of(assignment) + ", which is a tokenizer's");
    auto set = design.set;
    set.insert(set.end(), generator.set.begin(), generator.set.end());
    const auto what = "generator " + generator.name;
    auto run = make_run(sweep, what, set, tokenizer.seed);
    require_same(sweep, what, {to_json(run.recipe.generator), to_json(run.recipe.sampling)});
    require_same(sweep, what + " of design " + design.name, to_json(run.recipe.generator_training));
    run.kind = RunKind::generator;
    run.needs = features_;
    run.needs.push_back(tokenizer.id);
    run.design = design.name;
    run.generator = generator.name;
    auto points = sweep.points.empty() ? file_.points : sweep.points;
    if (points.empty()) points = {run.recipe.generator_training.steps};
    for (int i = 0; i < generator.seeds; ++i) {
      run.generator_seed = run.seed + static_cast<std::uint64_t>(i) * kGeneratorSeedStep;
      add_points(find_or_add(run), points, sweep.name);
    }
  }

  // The generator that is trained alike, whatever its points.
  PlannedRun& find_or_add(const PlannedRun& run) {
    for (auto& other : runs_)
      if (other.kind == RunKind::generator && other.needs == run.needs &&
          other.generator_seed == run.generator_seed &&
          to_json(other.recipe.generator) == to_json(run.recipe.generator) &&
          to_json(other.recipe.generator_training) == to_json(run.recipe.generator_training) &&
          to_json(other.recipe.sampling) == to_json(run.recipe.sampling)) {
        if (other.generator != run.generator)
          throw Error("generator " + run.generator + " is the same as " + other.generator +
                      ": give it that name");
        return other;
      }
    runs_.push_back(run);
    return runs_.back();
  }

  static void add_points(PlannedRun& run, const std::vector<int>& points,
                         const std::string& sweep) {
    for (const int steps : points) {
      const auto place = std::lower_bound(run.points.begin(), run.points.end(), steps);
      const auto index = place - run.points.begin();
      if (place == run.points.end() || *place != steps) {
        run.points.insert(place, steps);
        run.sweeps.insert(run.sweeps.begin() + index, std::vector<std::string>{});
      }
      auto& sweeps = run.sweeps[static_cast<std::size_t>(index)];
      if (std::find(sweeps.begin(), sweeps.end(), sweep) == sweeps.end()) sweeps.push_back(sweep);
    }
  }

  void give_id(PlannedRun& run) const {
    const auto settings = settings_of_id(run.recipe);
    run.id = id_of("g", {{"needs", run.needs},
                         {"generator", settings["generator"]},
                         {"training", settings["generator_training"]},
                         {"sampling", settings["sampling"]},
                         {"points", run.points},
                         {"decay", file_.decay_fraction},
                         {"samples", file_.samples},
                         {"search", file_.search_samples},
                         {"guidance", file_.guidance},
                         {"seed", run.generator_seed}});
  }

  const SweepFile& file_;
  const StudyInputs& inputs_;
  std::set<std::string> varied_;
  std::vector<std::string> features_;
  std::map<std::string, std::string> tokenizers_;  // id to name
  std::map<std::string, nlohmann::json> named_;    // what designs and generators are set to
  std::vector<PlannedRun> runs_;
};

// What a finding may name: the rows that will be there.
class FindingNames {
 public:
  FindingNames(const FindingRule& rule, const Plan& plan) : rule_(rule) {
    for (const auto& run : plan.runs) {
      if (run.kind != RunKind::generator) continue;
      for (std::size_t point = 0; point < run.points.size(); ++point) {
        const auto& sweeps = run.sweeps[point];
        if (!rule.sweep.empty() &&
            std::find(sweeps.begin(), sweeps.end(), rule.sweep) == sweeps.end())
          continue;
        designs_.insert(run.design);
        generators_.insert(run.generator);
        points_.insert(run.points[point]);
      }
    }
  }

  void check() const {
    require(designs_, rule_.design, "design");
    for (const auto& reference : rule_.reference) require(designs_, reference, "reference");
    check(rule_.where, "where");
    check(rule_.against, "against");
    if (!rule_.against.design.empty()) require(designs_, rule_.against.design, "against.design");
    if (!rule_.against.reference.empty())
      require(designs_, rule_.against.reference, "against.reference");
  }

 private:
  std::string what(const std::string& key) const { return "finding " + rule_.name + ": " + key; }
  void require(const std::set<std::string>& names, const std::string& name,
               const std::string& key) const {
    if (!names.contains(name))
      throw Error(what(key) + " is '" + name + "', which " +
                  (rule_.sweep.empty() ? "no sweep" : "sweep " + rule_.sweep) + " has; nearest: '" +
                  nearest_name(name, {names.begin(), names.end()}) + "'");
  }
  void check(const RowFilter& filter, const std::string& key) const {
    if (!filter.generator.empty()) require(generators_, filter.generator, key + ".generator");
    if (filter.steps != 0 && !points_.contains(filter.steps))
      throw Error(what(key) + ".steps is " + std::to_string(filter.steps) + ", expected one of " +
                  nlohmann::json(points_).dump());
  }

  const FindingRule& rule_;
  std::set<std::string> designs_, generators_;
  std::set<int> points_;
};

}  // namespace

const PlannedRun& Plan::at(const std::string& id) const {
  for (const auto& run : runs)
    if (run.id == id) return run;
  throw Error("the plan holds no run " + id);
}

Plan make_plan(const SweepFile& file, const StudyInputs& inputs) {
  auto plan = Planner(file, inputs).plan();
  for (const auto& rule : file.findings) FindingNames(rule, plan).check();
  return plan;
}

std::string seed_text(const PlannedRun& run) {
  auto text = "seed " + std::to_string(run.seed);
  if (run.generator_seed != run.seed) text += ", generator " + std::to_string(run.generator_seed);
  return text;
}

nlohmann::json to_json(const PlannedRun& run) {
  return {{"id", run.id},
          {"kind", to_json(run.kind)},
          {"needs", run.needs},
          {"design", run.design},
          {"generator", run.generator},
          {"set", run.set},
          {"seed", run.seed},
          {"generator_seed", run.generator_seed},
          {"points", run.points},
          {"sweeps", run.sweeps},
          {"settings", run.settings}};
}

}  // namespace tessera
