#include "study/report_view.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace tessera {
namespace {

std::vector<ReportGroup> groups_of(const std::vector<StudyRow>& rows, const std::string* sweep) {
  std::vector<ReportGroup> groups;
  std::map<std::tuple<std::string, std::string, int>, std::size_t> known;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (sweep && !std::ranges::count(row.sweeps, *sweep)) continue;
    const auto [place, is_new] =
        known.try_emplace({row.design, row.generator, row.steps()}, groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].rows.push_back(i);
  }
  return groups;
}

// Letters, digits and hyphens of a name, behind its number: two names never share an id.
std::string id_of(std::size_t number, const std::string& name) {
  std::string id = std::to_string(number) + "-";
  for (const char c : name.substr(0, 40))
    id += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  return id;
}

const StudyRow& first(const std::vector<StudyRow>& rows, const ReportGroup& group) {
  return rows[group.rows.front()];
}

}  // namespace

std::vector<ReportView> report_views(const ReportInput& input) {
  std::vector<ReportView> views;
  for (const auto& sweep : input.sweeps)
    views.push_back({sweep, id_of(views.size() + 1, sweep), groups_of(input.rows, &sweep)});
  if (views.size() != 1) views.push_back({"", "all", groups_of(input.rows, nullptr)});
  return views;
}

std::vector<ReportGroup> last_points(const std::vector<StudyRow>& rows,
                                     const std::vector<ReportGroup>& groups) {
  std::map<std::pair<std::string, std::string>, int> last;
  for (const auto& group : groups) {
    const auto& row = first(rows, group);
    auto& steps = last.try_emplace({row.design, row.generator}, row.steps()).first->second;
    steps = std::max(steps, row.steps());
  }
  std::vector<ReportGroup> chosen;
  for (const auto& group : groups) {
    const auto& row = first(rows, group);
    if (last.at({row.design, row.generator}) == row.steps()) chosen.push_back(group);
  }
  return chosen;
}

std::vector<ReportGroup> largest_generators(const std::vector<StudyRow>& rows,
                                            const std::vector<ReportGroup>& groups) {
  std::vector<ReportGroup> chosen;
  for (const auto& group : last_points(rows, groups)) {
    const auto& row = first(rows, group);
    if (chosen.empty() || first(rows, chosen.back()).design != row.design)
      chosen.push_back(group);
    else if (row.generator_parameters > first(rows, chosen.back()).generator_parameters)
      chosen.back() = group;
  }
  return chosen;
}

SeedSpread seed_spread(const std::vector<StudyRow>& rows, const ReportGroup& group,
                       const std::string& metric) {
  std::vector<double> values;
  for (const auto row : group.rows)
    if (const double value = rows[row].metric(metric); std::isfinite(value))
      values.push_back(value);
  if (values.empty()) return {std::nan(""), std::nan(""), std::nan(""), std::nan(""), 0};
  const double count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto [low, high] = std::ranges::minmax(values);
  return {mean, values.size() < 2 ? std::nan("") : std::sqrt(squares / (count - 1)), low, high,
          static_cast<int>(values.size())};
}

std::string row_id(std::size_t row) { return "run-" + std::to_string(row + 1); }

}  // namespace tessera
