#include "study/sweep.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/settings.h"
#include "study/fit_study.h"
#include "study/row.h"

namespace tessera {
namespace {

void require(bool holds, const std::string& where, const std::string& found,
             const std::string& expected) {
  if (!holds) throw Error(where + " is " + found + ", expected " + expected);
}

// Names are what findings and tables go by.
void check_names(const auto& list, const std::string& what) {
  std::set<std::string> names;
  for (const auto& item : list) {
    if (item.name.empty()) throw Error(what + ": one has no name");
    if (!names.insert(item.name).second)
      throw Error(what + ": the name '" + item.name + "' is there twice");
  }
}

void check_points(const std::vector<int>& points, const std::string& where) {
  for (std::size_t i = 0; i < points.size(); ++i)
    require(points[i] > (i ? points[i - 1] : 0), where + ": points", nlohmann::json(points).dump(),
            "steps that rise");
}

void check_seeds(const std::vector<std::uint64_t>& seeds, const std::string& where) {
  std::set<std::uint64_t> known;
  for (const auto seed : seeds) {
    require(seed <= std::numeric_limits<std::int64_t>::max(), where + ": seeds",
            nlohmann::json(seeds).dump(), "numbers from 0 on");
    require(known.insert(seed).second, where + ": seeds", nlohmann::json(seeds).dump(),
            "each seed once");
  }
}

void check_sweep(const Sweep& sweep, const std::string& where) {
  const auto what = where + ": sweep " + sweep.name;
  require(!sweep.designs.empty(), what + ": design", "empty", "at least one [[sweep.design]]");
  check_names(sweep.designs, what + ": design");
  check_names(sweep.generators, what + ": generator");
  for (const auto& generator : sweep.generators)
    require(generator.seeds >= 1 && generator.seeds <= 100,
            what + ": generator " + generator.name + ": seeds", std::to_string(generator.seeds),
            "1 to 100");
  check_points(sweep.points, what);
  check_seeds(sweep.seeds, what);
  for (const auto& axis : sweep.axes) {
    require(axis.key.find('.') != std::string::npos, what + ": axis key", axis.key, "table.key");
    require(axis.values.is_array() && !axis.values.empty(), what + ": axis " + axis.key,
            json_text(axis.values), "a list of values");
  }
}

// Throws Error with the nearest of the names unless `name` is one.
void require_named(const std::string& name, const std::vector<std::string>& names,
                   const std::string& where) {
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw Error(where + " is '" + name + "', which there is not; nearest: '" +
                nearest_name(name, names) + "'");
}

void require_metric(const std::string& name, const std::string& where) {
  require_named(name, {kRowMetrics.begin(), kRowMetrics.end()}, where);
}

// What is from fits to whole designs cannot be narrowed down.
void check_unused(const FindingRule& rule, const std::string& what) {
  const std::string none = "none, since it is decided by fits to all rows";
  require(rule.where == RowFilter{}, what + ": where", "given", none);
  require(rule.at_equal.empty(), what + ": at_equal", rule.at_equal, none);
  require(rule.margin == 0, what + ": margin", std::to_string(rule.margin), none);
}

void check_finding(const FindingRule& rule, const SweepFile& file, const std::string& where) {
  const auto what = where + ": finding " + rule.name;
  require(!rule.statement.empty(), what + ": statement", "empty", "a sentence");
  require(!rule.design.empty(), what + ": design", "empty", "the name of a design");
  require(!rule.reference.empty(), what + ": reference", "empty", "names of designs");
  require(rule.reference.size() == 1 || !rule.at_equal.empty(), what + ": at_equal", "empty",
          "a metric, since there are several references");
  require(rule.at_equal.empty() || rule.reference.size() > 1, what + ": reference",
          nlohmann::json(rule.reference).dump(), "two or more, between which to interpolate");
  require_metric(rule.metric, what + ": metric");
  if (!rule.at_equal.empty()) require_metric(rule.at_equal, what + ": at_equal");
  if (rule.kind == FindingKind::positions)
    require(rule.metric == "nats_per_token" || rule.metric == "predictability", what + ": metric",
            rule.metric, "nats_per_token or predictability, which each position has");
  if (rule.kind == FindingKind::ratio || rule.kind == FindingKind::crossover) {
    require_named(rule.metric, kFittedMetrics, what + ": metric");
    check_unused(rule, what);
  }
  require(!rule.relative || rule.kind == FindingKind::difference ||
              rule.kind == FindingKind::interaction,
          what + ": relative", "true", "false, but for a difference or an interaction");
  require(rule.kind == FindingKind::interaction || rule.against == SecondDifference{},
          what + ": against", "given", "none, but for an interaction");
  std::vector<std::string> sweeps;
  for (const auto& sweep : file.sweeps) sweeps.push_back(sweep.name);
  if (!rule.sweep.empty()) require_named(rule.sweep, sweeps, what + ": sweep");
}

fs::path beside(const fs::path& file, const std::string& name) {
  return fs::path(name).is_absolute() ? fs::path(name) : file.parent_path() / name;
}

}  // namespace

SweepFile read_sweep_file(const fs::path& path) {
  SweepFile file;
  const auto where = path.string();
  from_json(file, read_toml(where), where);
  require(!file.recipe.empty(), where + ": recipe", "empty", "a path");
  file.recipe = beside(path, file.recipe).string();
  if (!file.features.empty()) file.features = beside(path, file.features).string();
  require(!file.seeds.empty(), where + ": seeds", "empty", "at least one");
  require(file.decay_fraction > 0 && file.decay_fraction < 1, where + ": decay_fraction",
          std::to_string(file.decay_fraction), "between 0 and 1");
  require(file.samples >= 2, where + ": samples", std::to_string(file.samples), "at least 2");
  require(file.search_samples >= 2, where + ": search_samples", std::to_string(file.search_samples),
          "at least 2");
  require(file.measured_images >= 0, where + ": measured_images",
          std::to_string(file.measured_images), "0 or more");
  require(!file.guidance.empty(), where + ": guidance", "empty", "at least one scale");
  require(!file.sweeps.empty(), where + ": sweep", "empty", "at least one [[sweep]]");
  check_points(file.points, where);
  check_seeds(file.seeds, where);
  check_names(file.sweeps, where + ": sweep");
  check_names(file.findings, where + ": finding");
  for (const auto& sweep : file.sweeps) check_sweep(sweep, where);
  for (const auto& rule : file.findings) check_finding(rule, file, where);
  return file;
}

namespace {

template <typename T>
std::string table_of(const std::string& title, T settings) {
  std::string text = "## " + title + "\n\n| key | default | meaning |\n|---|---|---|\n";
  settings.visit([&](const char* key, auto& value, const char* meaning) {
    text += std::string("| `") + key + "` | `" + to_json(value).dump() + "` | " + meaning + " |\n";
  });
  return text + "\n";
}

}  // namespace

std::string sweep_reference() {
  return table_of("The file", SweepFile{}) + table_of("[[sweep]]", Sweep{}) +
         table_of("[[sweep.design]]", NamedSettings{}) +
         table_of("[[sweep.generator]]", NamedGenerator{}) + table_of("[[sweep.axis]]", Axis{}) +
         table_of("[[finding]]", FindingRule{}) + table_of("[finding.where]", RowFilter{}) +
         table_of("[finding.against]", SecondDifference{});
}

}  // namespace tessera
