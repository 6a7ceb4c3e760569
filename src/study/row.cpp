#include "study/row.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace tessera {
namespace {

// Every field once, for both directions.
void visit(auto& row, auto&& field) {
  field("run", row.run);
  field("tokenizer_run", row.tokenizer_run);
  field("point", row.point);
  field("sweeps", row.sweeps);
  field("design", row.design);
  field("generator", row.generator);
  field("seed", row.seed);
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
  field("by_position", row.by_position);
  field("samples", row.samples);
  field("reconstructions", row.reconstructions);
  field("tokenizer_seconds", row.tokenizer_seconds);
  field("generator_seconds", row.generator_seconds);
  field("commit", row.commit);
  field("threads", row.threads);
}

}  // namespace

int StudyRow::steps() const { return settings.value("generator_training.steps", 0); }

double StudyRow::metric(const std::string& name) const {
  const auto found = metrics.find(name);
  return found == metrics.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

nlohmann::json to_json(const StudyRow& row) {
  nlohmann::json json = nlohmann::json::object();
  visit(row, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

StudyRow row_from_json(const nlohmann::json& json, const std::string& where) {
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
  return rows;
}

}  // namespace tessera
