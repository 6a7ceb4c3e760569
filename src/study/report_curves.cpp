#include "study/report_curves.h"

#include <algorithm>
#include <cmath>

namespace tessera {
namespace {

constexpr int kFitPoints = 48;

// L(C) = l_min + C^alpha * e^lambda at places that are even on a logarithmic axis.
std::vector<ChartPoint> evaluated(const ReportFit& fit, double low, double high) {
  std::vector<ChartPoint> points;
  for (int i = 0; i < kFitPoints; ++i) {
    const double log_flops =
        std::log(low) + (std::log(high) - std::log(low)) * i / (kFitPoints - 1);
    points.push_back(
        {.x = std::exp(log_flops),
         .y = fit.l_min.value + std::exp(fit.alpha.value * log_flops + fit.lambda.value)});
  }
  return points;
}

}  // namespace

bool add_fit(Chart& chart, const ReportFit& fit, int colour, const std::vector<double>& flops) {
  if (flops.empty()) return false;
  ChartSeries line{.name = fit.design, .mark = Mark::dashes, .colour = colour};
  ChartSeries band{.name = fit.design, .mark = Mark::band, .colour = colour};
  for (const auto& [x, value] : fit.curve) {
    line.points.push_back({.x = x, .y = value.value});
    band.points.push_back({.x = x, .y = value.value, .low = value.low, .high = value.high});
  }
  const auto [low, high] = std::ranges::minmax(flops);
  if (fit.curve.empty()) line.points = evaluated(fit, low, high);
  if (!std::isfinite(line.points.front().y)) return false;
  if (!fit.curve.empty()) chart.series.push_back(band);
  chart.series.push_back(line);
  return true;
}

bool add_pareto(Chart& chart, const ReportFits& fits, const std::string& metric,
                const std::vector<StudyRow>& rows) {
  ChartSeries front{.name = "Pareto front", .mark = Mark::steps};
  for (const auto& pareto : fits.pareto)
    if (pareto.metric == metric)
      for (const auto& place : pareto.front) {
        const auto row = std::ranges::find_if(rows, [&](const StudyRow& each) {
          return each.run == place.run && each.point == place.point;
        });
        front.points.push_back(
            {.x = place.flops,
             .y = place.value,
             .id = row == rows.end() ? "" : row_id(static_cast<std::size_t>(row - rows.begin()))});
      }
  if (front.points.empty()) return false;
  std::ranges::sort(front.points, {}, &ChartPoint::x);
  chart.series.push_back(front);
  return true;
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
