#include "study/report_curves.h"

#include <algorithm>

namespace tessera {
bool add_fit(Chart& chart, const ReportFit& fit, int colour) {
  if (fit.curve.empty()) return false;
  ChartSeries line{.name = fit.design, .mark = Mark::dashes, .colour = colour};
  ChartSeries band{.name = fit.design, .mark = Mark::band, .colour = colour};
  for (const auto& [flops, value] : fit.curve) {
    line.points.push_back({.x = flops, .y = value.value});
    band.points.push_back({.x = flops, .y = value.value, .low = value.low, .high = value.high});
  }
  chart.series.push_back(band), chart.series.push_back(line);
  return true;
}

void add_pareto(Chart& chart, const ReportPareto& pareto, const std::vector<StudyRow>& rows) {
  ChartSeries front{.name = "Pareto front", .mark = Mark::steps};
  for (const auto& place : pareto.front) {
    const auto row = std::ranges::find_if(rows, [&](const StudyRow& each) {
      return each.run == place.run && each.point == place.point;
    });
    front.points.push_back(
        {.x = place.flops,
         .y = place.value,
         .id = row == rows.end() ? "" : row_id(static_cast<std::size_t>(row - rows.begin()))});
  }
  std::ranges::sort(front.points, {}, &ChartPoint::x);
  chart.series.push_back(front);
}

std::vector<ChartPoint> position_means(const std::vector<StudyRow>& rows,
                                       const ReportGroup& group) {
  std::vector<ChartPoint> points;
  for (std::size_t position = 0;; ++position) {
    double sum = 0;
    int count = 0;
    for (const auto row : group.rows)
      if (position < rows[row].by_position.size()) sum += rows[row].by_position[position], ++count;
    if (count == 0) return points;
    points.push_back({.x = static_cast<double>(position), .y = sum / count});
  }
}

}  // namespace tessera
