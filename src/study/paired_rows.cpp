#include "study/paired_rows.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "study/report_metrics.h"

namespace tessera {
namespace {

bool matches(const RowFilter& filter, const StudyRow& row) {
  return (filter.generator.empty() || filter.generator == row.generator) &&
         (filter.steps == 0 || filter.steps == row.steps());
}

const StudyRow* row_at(const DesignRows& designs, const std::string& name, const RunPlace& place) {
  const auto found = designs.find(name);
  if (found == designs.end()) return nullptr;
  for (const auto* row : found->second)
    if (row->place() == place) return row;
  return nullptr;
}

// What is not compared, and why.
class LeftOut {
 public:
  void add(const std::string& why, const StudyRow& row, const std::string& more = {}) {
    add(why, row.seed, row.place(), more);
  }
  void add(const std::string& why, std::uint64_t seed, const RunPlace& place,
           const std::string& more = {}) {
    rows_[why].push_back("seed " + std::to_string(seed) + " (" + place.first + ", " +
                         (more.empty() ? std::to_string(place.second) + " steps" : more) + ")");
  }

  // "left out, outside the references' psnr: seed 2 (S, 21.18)", or nothing.
  std::string text() const {
    std::string text;
    for (const auto& [why, rows] : rows_) {
      text += (text.empty() ? "left out, " : "; left out, ") + why + ": ";
      for (std::size_t i = 0; i < std::min(rows.size(), kShown); ++i)
        text += (i ? ", " : "") + rows[i];
      if (rows.size() > kShown) text += " and " + std::to_string(rows.size() - kShown) + " more";
    }
    return text;
  }

 private:
  static constexpr std::size_t kShown = 6;
  std::map<std::string, std::vector<std::string>> rows_;
};

using Pairs = std::map<std::uint64_t, std::map<RunPlace, double>>;  // differences, by seed

Differences balanced(const Pairs& pairs, LeftOut& left_out) {
  Differences result;
  for (const auto& [seed, places] : pairs) {
    double sum = 0;
    int count = 0;
    for (const auto& [place, difference] : places)
      if (std::ranges::all_of(pairs,
                              [&](const auto& other) { return other.second.contains(place); }))
        sum += difference, ++count;
      else
        left_out.add("since not every seed has it", seed, place);
    if (count > 0) result.by_seed[seed] = sum / count;
  }
  result.left_out = left_out.text();
  return result;
}

// The reference's value where `row` is, or that of several, interpolated to where `at_equal` is
// the row's own; nothing where it is not there, or the row lies outside them.
std::optional<double> reference(const DesignRows& designs,
                                const std::vector<std::string>& references, const StudyRow& row,
                                const RowValue& value, const std::string& at_equal,
                                LeftOut& left_out) {
  std::vector<std::pair<double, double>> points;  // at_equal, value
  for (const auto& name : references) {
    const auto* other = row_at(designs, name, row.place());
    if (!other) {
      left_out.add("without a row of " + name, row);
      return std::nullopt;
    }
    points.emplace_back(at_equal.empty() ? 0 : other->metric(at_equal), value(*other));
  }
  if (at_equal.empty()) return points.front().second;
  std::sort(points.begin(), points.end());
  const double where = row.metric(at_equal);
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const auto& [left, a] = points[i];
    const auto& [right, b] = points[i + 1];
    if (where >= left && where <= right && right > left)
      return a + (b - a) * (where - left) / (right - left);
  }
  left_out.add("outside the references' " + at_equal, row, number_text(where));
  return std::nullopt;
}

}  // namespace

PairedRows::PairedRows(const FindingRule& rule, const std::vector<StudyRow>& rows) : rule_(rule) {
  for (const auto& row : rows)
    if (rule.sweep.empty() || std::ranges::find(row.sweeps, rule.sweep) != row.sweeps.end())
      by_seed_[row.seed][row.design].push_back(&row);
}

Differences PairedRows::differences(const RowFilter& filter, const RowValue& value) const {
  return differences(filter, rule_.design, rule_.reference, value);
}

Differences PairedRows::differences(const RowFilter& filter, const std::string& design_name,
                                    const std::vector<std::string>& references,
                                    const RowValue& value) const {
  LeftOut left_out;
  Pairs pairs;
  for (const auto& [seed, designs] : by_seed_) {
    const auto design = designs.find(design_name);
    if (design == designs.end()) continue;
    for (const auto* row : design->second) {
      if (!matches(filter, *row)) continue;
      const auto other = reference(designs, references, *row, value, rule_.at_equal, left_out);
      if (!other) continue;
      if (const double difference = value(*row) - *other; std::isfinite(difference))
        pairs[seed][row->place()] = difference;
      else
        left_out.add("not finite", *row);
    }
  }
  return balanced(pairs, left_out);
}

std::size_t PairedRows::positions() const {
  std::size_t most = 0;
  for (const auto& [seed, designs] : by_seed_)
    if (const auto design = designs.find(rule_.design); design != designs.end())
      for (const auto* row : design->second) most = std::max(most, row->by_position.size());
  return most;
}

}  // namespace tessera
