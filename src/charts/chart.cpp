#include "charts/chart.h"

#include <cmath>

namespace tessera {

const char* chart_colour(int colour, const char* neutral) {
  if (colour < 0) return neutral;
  return kChartColours[static_cast<std::size_t>(colour) % kChartColours.size()];
}

std::vector<std::size_t> legend_entries(const Chart& chart) {
  std::vector<std::size_t> entries;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const auto& series = chart.series[i];
    if (series.name.empty()) continue;
    std::size_t* known = nullptr;
    for (auto& entry : entries)
      if (chart.series[entry].name == series.name) known = &entry;
    if (!known)
      entries.push_back(i);
    else if (series.mark == Mark::points && chart.series[*known].mark != Mark::points)
      *known = i;
  }
  return entries;
}

std::vector<double> x_values(const Chart& chart) {
  std::vector<double> values;
  for (const auto& series : chart.series)
    for (const auto& point : series.points)
      if (shows(chart.y, series.mark == Mark::band ? point.high : point.y))
        values.push_back(point.x);
  return values;
}

std::vector<double> y_values(const Chart& chart) {
  std::vector<double> values;
  for (const auto& series : chart.series)
    for (const auto& point : series.points) {
      if (!shows(chart.x, point.x)) continue;
      if (series.mark != Mark::band) values.push_back(point.y);
      values.push_back(point.low), values.push_back(point.high);
    }
  return values;
}

bool shows(const ChartAxis& axis, double value) {
  return std::isfinite(value) && (!axis.log || value > 0);
}

}  // namespace tessera
