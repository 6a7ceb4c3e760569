#include "study/sweep.h"

#include <set>

#include "base/error.h"
#include "base/settings.h"

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

void check_sweep(const Sweep& sweep, const std::string& where) {
  const auto what = where + ": sweep " + sweep.name;
  require(!sweep.designs.empty(), what + ": design", "empty", "at least one [[sweep.design]]");
  check_names(sweep.designs, what + ": design");
  check_names(sweep.generators, what + ": generator");
  check_points(sweep.points, what);
  for (const auto& axis : sweep.axes) {
    require(axis.key.find('.') != std::string::npos, what + ": axis key", axis.key, "table.key");
    require(axis.values.is_array() && !axis.values.empty(), what + ": axis " + axis.key,
            json_text(axis.values), "a list of values");
  }
}

void check_finding(const FindingRule& rule, const SweepFile& file, const std::string& where) {
  const auto what = where + ": finding " + rule.name;
  require(!rule.statement.empty(), what + ": statement", "empty", "a sentence");
  require(!rule.design.empty(), what + ": design", "empty", "the name of a design");
  require(!rule.reference.empty(), what + ": reference", "empty", "names of designs");
  require(rule.reference.size() == 1 || !rule.at_equal.empty(), what + ": at_equal", "empty",
          "a metric, since there are several references");
  std::vector<std::string> sweeps;
  for (const auto& sweep : file.sweeps) sweeps.push_back(sweep.name);
  if (!rule.sweep.empty() && std::find(sweeps.begin(), sweeps.end(), rule.sweep) == sweeps.end())
    throw Error(what + ": sweep '" + rule.sweep + "' does not exist; nearest: '" +
                nearest_name(rule.sweep, sweeps) + "'");
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
         table_of("[[sweep.design]], [[sweep.generator]]", NamedSettings{}) +
         table_of("[[sweep.axis]]", Axis{}) + table_of("[[finding]]", FindingRule{}) +
         table_of("[finding.where], [finding.against]", RowFilter{});
}

}  // namespace tessera
