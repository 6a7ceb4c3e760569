#include "study/report_input.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/error.h"

namespace tessera {
namespace {

using nlohmann::json;

// What is absent or null, as a number without bound is written, is NaN.
double number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nan("");
  return found->get<double>();
}

ReportInterval interval(const json& object) {
  return {number(object, "value"), number(object, "low"), number(object, "high")};
}

// The objects of a list, which may be absent.
template <class Value>
std::vector<Value> list(const json& object, const char* key, Value (*parse)(const json&)) {
  std::vector<Value> values;
  if (object.contains(key))
    for (const auto& value : object.at(key)) values.push_back(parse(value));
  return values;
}

ReportFit::Place fit_place(const json& object) {
  return {number(object, "generator_flops"), interval(object)};
}

ReportFit fit(const json& object) {
  return {object.at("design"),          object.at("metric"),
          object.value("rows", 0),      interval(object.at("l_min")),
          interval(object.at("alpha")), interval(object.at("lambda")),
          number(object, "scatter"),    list(object, "curve", fit_place)};
}

ReportNotFitted not_fitted(const json& object) {
  return {object.at("design"), object.at("metric"), object.value("why", "")};
}

ReportIsoFlops::Place iso_place(const json& object) {
  return {object.at("generator"), number(object, "parameters"), number(object, "value")};
}

ReportIsoFlops iso_flops(const json& object) {
  return {object.at("design"), object.at("metric"), object.value("best", ""),
          number(object, "generator_flops"), list(object, "curve", iso_place)};
}

ReportPareto::Place front_place(const json& object) {
  return {number(object, "flops"), number(object, "value"), object.value("run", ""),
          object.value("point", 0), object.value("design", "")};
}

ReportPareto pareto(const json& object) {
  return {object.at("metric"), list(object, "front", front_place)};
}

ReportPair pair(const json& object) {
  return {object.at("metric"), object.at("design"), object.at("reference"),
          object.value("generators", std::vector<std::string>())};
}

ReportRatio ratio(const json& object) {
  return {pair(object), object.value("at", ""), number(object, "quality"),
          interval(object.at("generator_ratio")), interval(object.at("ratio"))};
}

ReportCrossover crossover(const json& object) {
  return {pair(object), object.at("decided"), interval(object.at("flops"))};
}

ReportFits parse_fits(const json& file) {
  return {list(file, "fits", fit),
          list(file, "not_fitted", not_fitted),
          list(file, "iso_flops", iso_flops),
          list(file, "pareto", pareto),
          list(file, "ratios", ratio),
          list(file, "crossovers", crossover),
          file.value("about", json())};
}

ReportFinding::Number finding_number(const json& object) {
  return {object.at("label"), interval(object), object.value("pairs", 0)};
}

ReportFinding finding(const json& object) {
  return {object.at("name"),
          object.at("statement"),
          object.at("rule"),
          object.at("verdict"),
          object.value("why", ""),
          object.value("sweep", ""),
          list(object, "numbers", finding_number)};
}

std::vector<ReportFinding> parse_findings(const json& file) {
  std::vector<ReportFinding> findings;
  for (const auto& each : file) findings.push_back(finding(each));
  return findings;
}

// None where there is no such file.
template <class Value>
std::optional<Value> parsed(const fs::path& path, Value (*parse)(const json&)) {
  if (!fs::exists(path)) return {};
  const auto file = read_json(path);
  try {
    return parse(file);
  } catch (const json::exception& problem) {
    throw FileError(path, std::string("is not what docs/formats/study.md says: ") + problem.what());
  }
}

// The sweep file's own, or the folder's name.
std::string title_of(const fs::path& study) {
  if (const auto path = study / "study.json"; fs::exists(path)) {
    const auto file = read_json(path);
    const auto title = file.is_object() ? file.value("title", json()) : json();
    if (title.is_string() && !title.get<std::string>().empty()) return title;
  }
  return fs::weakly_canonical(study).filename().string();
}

std::vector<std::string> failures_of(const fs::path& folder) {
  std::vector<std::string> failures;
  if (!fs::is_directory(folder)) return failures;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    const auto failure = read_json(file.path());
    const bool told = failure.is_object() && failure.contains("error");
    const auto& error = told ? failure["error"] : failure;
    failures.push_back(file.path().stem().string() + ": " +
                       (error.is_string() ? error.get<std::string>() : json_text(error)));
  }
  std::ranges::sort(failures);
  return failures;
}

}  // namespace

ReportInput read_report_input(const fs::path& study) {
  ReportInput input{.folder = study, .rows = read_rows(study)};
  input.title = title_of(study);
  for (const auto& row : input.rows)
    for (const auto& sweep : row.sweeps)
      if (!std::ranges::count(input.sweeps, sweep)) input.sweeps.push_back(sweep);
  std::ranges::stable_sort(input.rows, {}, [](const StudyRow& row) {
    return std::tuple(row.design, row.generator_parameters, row.generator, row.steps(), row.seed);
  });
  input.fits = parsed(study / "fits.json", parse_fits);
  input.findings = parsed(study / "findings.json", parse_findings);
  input.failures = failures_of(study / "failed");
  if (fs::exists(study / "study.json")) input.sweep_file = read_json(study / "study.json");
  return input;
}

}  // namespace tessera
