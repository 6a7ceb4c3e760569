// charts/ draws what reports show: a chart is described once and becomes a static SVG or an
// interactive plot. Nothing here needs LibTorch.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <vector>

namespace tessera {

/// A point, with the ends of its error bar where both are finite.
struct ChartPoint {
  double x = 0, y = 0;
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;
  std::string id = {};  ///< element of the page that it leads to; empty: none
};

enum class Mark {
  points,
  line,
  dashes,
  band,  ///< the area between `low` and `high`, without bars
  steps  ///< a line that keeps its height until the next point
};

constexpr int kNeutral = -1;  ///< the colour of axes' text

struct ChartSeries {
  std::string name = {};  ///< the legend shows each name once; a plot shows and hides them together
  Mark mark = Mark::line;
  int colour = kNeutral;                ///< index into kChartColours, around its end
  int shape = 0;                        ///< of points: index into kChartShapes
  bool faint = false;                   ///< points: smaller and seen through
  std::vector<ChartPoint> points = {};  ///< without any it is an entry of the legend alone
};

struct ChartAxis {
  std::string label = {};
  bool log = false;                ///< values that are not positive are left out
  std::vector<double> ticks = {};  ///< the values to mark; empty: round ones
};

struct Chart {
  std::string name = {};  ///< lower-case words and hyphens, for files and ids
  std::string title = {};
  std::string caption = {};
  ChartAxis x = {}, y = {};
  std::vector<ChartSeries> series = {};
};

/// Legible on white and on black.
inline constexpr std::array kChartColours = {"#3b82c4", "#d9722b", "#3a9d5d", "#8e6bd1", "#d1478c",
                                             "#b08a1e", "#22a0a0", "#c0504d", "#5f6fd6", "#7f8a3a"};
/// As the interactive plots call them.
inline constexpr std::array kChartShapes = {"circle",      "square",        "diamond",
                                            "triangle-up", "triangle-down", "cross"};

/// The colour of a series as `#rrggbb`; `neutral` for kNeutral.
const char* chart_colour(int colour, const char* neutral);

/// For each name, in order, the series that the legend shows: the first one with points, else the
/// first.
std::vector<std::size_t> legend_entries(const Chart& chart);

/// The values that an axis has to show, ends of bars and bands among them: of the points that the
/// other axis can show.
std::vector<double> x_values(const Chart& chart);
std::vector<double> y_values(const Chart& chart);

/// Whether an axis can show a value.
bool shows(const ChartAxis& axis, double value);

}  // namespace tessera
