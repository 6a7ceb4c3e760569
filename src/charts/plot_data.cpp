#include "charts/plot_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "charts/axis_scale.h"

namespace tessera {
namespace {

using nlohmann::json;

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

// plotly.js reads a little HTML in names and titles: letters that could begin it are written out.
std::string plain(const std::string& text) {
  std::string escaped;
  for (const char c : text)
    escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return escaped;
}

// Powers of ten alone leave a short axis without marks, and all their parts crowd a long one.
json log_marks(const ChartAxis& axis, const std::vector<double>& values) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const double value : values)
    if (shows(axis, value)) low = std::min(low, value), high = std::max(high, value);
  const double decades = std::log10(high / low);
  return decades > 3 ? json(1) : decades > 0.7 ? json("D2") : json(nullptr);
}

json axis(const ChartAxis& axis, const std::vector<double>& values) {
  json layout = {
      {"title", {{"text", plain(axis.label)}}}, {"automargin", true}, {"zeroline", false}};
  if (axis.log) {
    layout["type"] = "log", layout["exponentformat"] = "power";
    const auto marks = log_marks(axis, values);
    if (!marks.is_null()) layout["dtick"] = marks;
    if (marks == "D2") layout["tickformat"] = ".4~g";  // else 0.5 is marked "5"
  }
  if (!axis.ticks.empty()) {
    layout["tickvals"] = axis.ticks;
    for (const double tick : axis.ticks) layout["ticktext"].push_back(tick_text(tick));
  }
  return layout;
}

// There along the upper edge, back along the lower one.
json band(const ChartSeries& series) {
  json x = json::array(), y = json::array();
  for (const auto& point : series.points)
    x.push_back(point.x), y.push_back(number_or_null(point.high));
  for (auto point = series.points.rbegin(); point != series.points.rend(); ++point)
    x.push_back(point->x), y.push_back(number_or_null(point->low));
  const std::string colour = chart_colour(series.colour, "#7a7f87");
  return {{"x", x},
          {"y", y},
          {"mode", "lines"},
          {"fill", "toself"},
          {"fillcolor", colour + "24"},
          {"line", {{"width", 0}}},
          {"hoverinfo", "skip"}};
}

void add_bars(json& trace, const ChartSeries& series, const std::string& colour) {
  json up = json::array(), down = json::array();
  bool any = false;
  for (const auto& point : series.points) {
    const bool has = std::isfinite(point.low) && std::isfinite(point.high);
    any |= has;
    up.push_back(has ? point.high - point.y : 0), down.push_back(has ? point.y - point.low : 0);
  }
  if (any)
    trace["error_y"] = {{"type", "data"},     {"symmetric", false}, {"array", up},
                        {"arrayminus", down}, {"thickness", 1.2},   {"width", 3},
                        {"color", colour}};
}

json trace_of(const ChartSeries& series) {
  if (series.mark == Mark::band) return band(series);
  const std::string colour = chart_colour(series.colour, "ink");
  json x = json::array(), y = json::array(), ids = json::array();
  for (const auto& point : series.points)
    x.push_back(number_or_null(point.x)), y.push_back(number_or_null(point.y)),
        ids.push_back(point.id);
  if (series.points.empty()) x = y = json::array({nullptr});
  json trace = {{"x", x}, {"y", y}, {"customdata", ids}};
  if (series.mark == Mark::points) {
    trace["mode"] = "markers";
    trace["marker"] = {
        {"color", colour},
        {"symbol", kChartShapes[static_cast<std::size_t>(series.shape) % kChartShapes.size()]},
        {"size", series.faint ? 8 : 9},
        {"opacity", series.faint ? 0.7 : 1.0}};
  } else {
    trace["mode"] = "lines";
    trace["line"] = {{"color", colour}, {"width", 1.8}};
    if (series.mark == Mark::dashes) trace["line"]["dash"] = "dash";
    if (series.mark == Mark::steps) trace["line"]["shape"] = "hv";
  }
  add_bars(trace, series, colour);
  return trace;
}

}  // namespace

json plot_data(const Chart& chart) {
  json traces = json::array();
  for (const auto& series : chart.series) {
    auto trace = trace_of(series);
    trace["type"] = "scatter";
    trace["name"] = plain(series.name);
    trace["legendgroup"] = plain(series.name);
    trace["showlegend"] = false;
    traces.push_back(trace);
  }
  for (const auto entry : legend_entries(chart)) traces[entry]["showlegend"] = true;
  return {{"data", traces},
          {"layout",
           {{"xaxis", axis(chart.x, x_values(chart))}, {"yaxis", axis(chart.y, y_values(chart))}}}};
}

}  // namespace tessera
