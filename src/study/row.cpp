#include "study/row.h"

#include <cmath>
#include <limits>
#include <tuple>

#include "base/error.h"

namespace tessera {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// Every field once, for both directions.
void visit(auto& row, auto&& field) {
  field("run", row.run);
  field("tokenizer_run", row.tokenizer_run);
  field("point", row.point);
  field("sweeps", row.sweeps);
  field("design", row.design);
  field("generator", row.generator);
  field("seed", row.seed);
  field("generator_seed", row.generator_seed);
  field("settings", row.settings);
  field("tokenizer_parameters", row.tokenizer_parameters);
  field("generator_parameters", row.generator_parameters);
  field("tokens_per_image", row.tokens_per_image);
  field("codebook_size", row.codebook_size);
  field("train_images", row.train_images);
  field("tokenizer_flops", row.tokenizer_flops);
  field("generator_flops", row.generator_flops);
  field("sampling_flops_per_image", row.sampling_flops_per_image);
  field("metrics", row.metrics);
  field("fd_halves", row.fd_halves);
  field("by_position", row.by_position);
  field("samples", row.samples);
  field("reconstructions", row.reconstructions);
  field("tokenizer_seconds", row.tokenizer_seconds);
  field("generator_seconds", row.generator_seconds);
  field("commit", row.commit);
  field("threads", row.threads);
}

// Rows of older studies have generators of their tokenizer's seed, measured as a whole.
nlohmann::json completed(nlohmann::json row) {
  if (!row.is_object()) return row;
  if (!row.contains("generator_seed") && row.contains("seed")) row["generator_seed"] = row["seed"];
  if (!row.contains("fd_halves")) row["fd_halves"] = nlohmann::json::array();
  return row;
}

// What several generators measured on one tokenizer.
StudyRow mean_of(const std::vector<StudyRow>& rows) {
  auto mean = rows.front();
  const auto average = [&](auto&& value) {
    double sum = 0;
    for (const auto& row : rows) sum += value(row);
    return sum / static_cast<double>(rows.size());
  };
  for (auto& [name, value] : mean.metrics)
    value = average([&](const StudyRow& row) { return row.metric(name); });
  for (std::size_t i = 0; i < mean.by_position.size(); ++i)
    mean.by_position[i] = average([&](const StudyRow& row) {
      return i < row.by_position.size() ? row.by_position[i] : kNotMeasured;
    });
  mean.generator_seconds = average([](const StudyRow& row) { return row.generator_seconds; });
  return mean;
}

std::vector<StudyRow> means_over_generator_seeds(const std::vector<StudyRow>& rows) {
  using Key = std::tuple<std::string, RunPlace>;
  std::vector<std::vector<StudyRow>> groups;
  std::map<Key, std::size_t> group_of;
  for (const auto& row : rows) {
    const auto [place, fresh] =
        group_of.emplace(Key{row.tokenizer_run, row.place()}, groups.size());
    if (fresh || groups[place->second].front().generator_seed == row.generator_seed)
      groups.push_back({row});
    else
      groups[place->second].push_back(row);
  }
  std::vector<StudyRow> means;
  for (const auto& group : groups) means.push_back(mean_of(group));
  return means;
}

}  // namespace

int StudyRow::steps() const { return settings.value("generator_training.steps", 0); }

double StudyRow::metric(const std::string& name) const {
  const auto found = metrics.find(name);
  return found == metrics.end() ? kNotMeasured : found->second;
}

nlohmann::json to_json(const StudyRow& row) {
  nlohmann::json json = nlohmann::json::object();
  visit(row, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

StudyRow row_from_json(const nlohmann::json& found, const std::string& where) {
  const auto json = completed(found);
  StudyRow row;
  visit(row, [&](const char* name, auto& field) {
    if (!json.is_object() || !json.contains(name)) throw Error(where + ": holds no " + name);
    try {
      json.at(name).get_to(field);
    } catch (const nlohmann::json::exception&) {
      throw Error(where + ": " + name + " is " + json_text(json.at(name)) +
                  ", expected what docs/formats/study.md says");
    }
  });
  return row;
}

std::vector<StudyRow> read_rows(const fs::path& study) {
  const auto path = study / "results.json";
  const auto json = read_json(path);
  if (!json.is_array()) throw FileError(path, "is not a list of rows");
  std::vector<StudyRow> rows;
  for (const auto& row : json)
    rows.push_back(row_from_json(row, path.string() + ": row " + std::to_string(rows.size())));
  return means_over_generator_seeds(rows);
}

}  // namespace tessera
