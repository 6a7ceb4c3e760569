#include "study/report_configurations.h"

#include "charts/html.h"
#include "study/report_metrics.h"
#include "study/report_paths.h"

namespace tessera {
namespace {

std::string entry(const std::string& name, const std::string& html) {
  return "<dt>" + escape_html(name) + "</dt><dd>" + html + "</dd>";
}

std::string plain_entry(const std::string& name, const nlohmann::json& value) {
  return entry(name, escape_html(value.is_string() ? value.get<std::string>() : json_text(value)));
}

// JSON with a line for each member of an object; lists stay on one line.
std::string readable(const nlohmann::json& value, const std::string& indent = "") {
  if (!value.is_object() || value.empty()) return json_text(value);
  std::string text = "{\n";
  for (const auto& [key, member] : value.items())
    text += indent + "  " + json_text(key) + ": " + readable(member, indent + "  ") + "\n";
  return text + indent + "}";
}

}  // namespace

std::map<std::string, std::string> run_file_ids(const ReportInput& input) {
  std::map<std::string, std::string> ids;
  for (const auto& row : input.rows)
    for (const auto& run : {row.tokenizer_run, row.run}) ids[run] = "";
  int number = 0;
  for (auto& [run, id] : ids) id = "file-" + std::to_string(++number);
  return ids;
}

std::string row_configuration(const StudyRow& row,
                              const std::map<std::string, std::string>& files) {
  const auto file = [&](const std::string& run) {
    return "<a href='#" + files.at(run) + "'>" + escape_html(run) + "</a>";
  };
  std::string html = "<details><summary>configuration</summary><dl>" +
                     entry("generator's run", file(row.run)) +
                     entry("tokenizer's run", file(row.tokenizer_run));
  std::string sweeps;
  for (const auto& sweep : row.sweeps) sweeps += (sweeps.empty() ? "" : ", ") + sweep;
  html += plain_entry("sweeps", sweeps) + plain_entry("seed", row.seed);
  for (const auto& [key, value] : row.settings.items()) html += plain_entry(key, value);
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  html += plain_entry("tokenizer's parameters", count_text(number(row.tokenizer_parameters))) +
          plain_entry("generator's parameters", count_text(number(row.generator_parameters))) +
          plain_entry("tokens per image", row.tokens_per_image) +
          plain_entry("codebook size", row.codebook_size) +
          plain_entry("training images", row.train_images) +
          plain_entry("compute of one image", flops_text(row.sampling_flops_per_image)) +
          plain_entry("tokenizer's training", number_text(row.tokenizer_seconds, "%.0f s")) +
          plain_entry("generator's training", number_text(row.generator_seconds, "%.0f s"));
  return html + "</dl></details>";
}

std::string run_files(const ReportInput& input) {
  std::string html;
  for (const auto& [name, id] : run_file_ids(input)) {
    html += "<details id='" + id + "'><summary>" + escape_html(name) + "</summary>";
    const auto path = path_inside(input.folder, fs::path("results") / (name + ".json"));
    html += path && fs::exists(*path) ? "<pre>" + escape_html(readable(read_json(*path))) + "</pre>"
                                      : "<p class='absent'>The study's folder holds no results/" +
                                            escape_html(name) + ".json.</p>";
    html += "</details>";
  }
  return html;
}

}  // namespace tessera
