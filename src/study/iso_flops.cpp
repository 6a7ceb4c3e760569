#include "study/iso_flops.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace tessera {
namespace {

struct Place {
  double flops, value;
};

// By run: the points of one generator and seed, in the order of their compute.
std::map<std::string, std::vector<Place>> points_of_runs(const std::vector<StudyRow>& rows,
                                                         const std::string& metric) {
  std::map<std::string, std::vector<Place>> runs;
  for (const auto& row : rows)
    if (std::isfinite(row.metric(metric)))
      runs[row.run].push_back({row.generator_flops, row.metric(metric)});
  for (auto& [run, points] : runs)
    std::sort(points.begin(), points.end(),
              [](const Place& a, const Place& b) { return a.flops < b.flops; });
  return runs;
}

std::optional<double> between(const std::vector<Place>& points, double flops) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].flops == flops) return points[i].value;
    if (i + 1 == points.size() || points[i].flops > flops || points[i + 1].flops < flops) continue;
    const double part =
        std::log(flops / points[i].flops) / std::log(points[i + 1].flops / points[i].flops);
    return points[i].value + part * (points[i + 1].value - points[i].value);
  }
  return std::nullopt;
}

}  // namespace

std::vector<IsoPlace> iso_flops_curve(const std::vector<StudyRow>& rows, const std::string& metric,
                                      double flops) {
  const auto runs = points_of_runs(rows, metric);
  std::map<std::string, const StudyRow*> row_of_run;
  for (const auto& row : rows) row_of_run.emplace(row.run, &row);
  std::map<std::string, IsoPlace> by_generator;
  for (const auto& [run, points] : runs) {
    const auto value = between(points, flops);
    if (!value) continue;
    const auto& row = *row_of_run.at(run);
    auto& place = by_generator[row.generator];
    place.generator = row.generator, place.parameters = row.generator_parameters;
    place.value += *value, ++place.seeds;
  }
  std::vector<IsoPlace> curve;
  for (auto& [name, place] : by_generator) {
    place.value /= place.seeds;
    curve.push_back(place);
  }
  std::stable_sort(curve.begin(), curve.end(), [](const IsoPlace& a, const IsoPlace& b) {
    return a.parameters < b.parameters;
  });
  return curve;
}

std::vector<double> iso_flops_levels(const std::vector<StudyRow>& rows, const std::string& metric) {
  double lowest = INFINITY, highest = 0;
  for (const auto& row : rows) {
    lowest = std::min(lowest, row.generator_flops);
    highest = std::max(highest, row.generator_flops);
  }
  std::vector<double> levels;
  if (!(lowest > 0) || !std::isfinite(highest)) return levels;
  for (double decade = std::pow(10, std::floor(std::log10(lowest))); decade <= highest;
       decade *= 10)
    for (const double digit : {1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0})
      if (iso_flops_curve(rows, metric, digit * decade).size() >= 2)
        levels.push_back(digit * decade);
  return levels;
}

}  // namespace tessera
