#include "charts/svg_chart.h"

#include <cmath>
#include <cstdio>
#include <set>

#include "charts/axis_scale.h"
#include "charts/html.h"

namespace tessera {
namespace {

constexpr double kLeft = 64, kRight = 14, kTop = 34, kBottom = 46, kLegendRow = 18;
constexpr double kLetter = 6.1;  // pixels that a letter takes on average
constexpr const char* kInk = "#4a5568";
constexpr const char* kGrid = "#e2e8f0";

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string text(double x, double y, const char* anchor, const std::string& words) {
  return "<text x='" + number(x) + "' y='" + number(y) + "' text-anchor='" + anchor + "'>" +
         escape_html(words) + "</text>";
}

std::string segment(double x1, double y1, double x2, double y2, const std::string& stroke) {
  return "<path d='M" + number(x1) + " " + number(y1) + "L" + number(x2) + " " + number(y2) +
         "' stroke='" + stroke + "'/>";
}

// A marker around (x, y) as the data of a path.
std::string marker(int shape, double x, double y, double r) {
  const auto at = [&](double dx, double dy) {
    return number(x + dx * r) + " " + number(y + dy * r);
  };
  switch (static_cast<std::size_t>(shape) % kChartShapes.size()) {
    case 0:
      return "M" + at(-1, 0) + "a" + number(r) + " " + number(r) + " 0 1 0 " + number(2 * r) +
             " 0a" + number(r) + " " + number(r) + " 0 1 0 " + number(-2 * r) + " 0Z";
    case 1:
      return "M" + at(-.9, -.9) + "L" + at(.9, -.9) + "L" + at(.9, .9) + "L" + at(-.9, .9) + "Z";
    case 2:
      return "M" + at(0, -1.3) + "L" + at(1.3, 0) + "L" + at(0, 1.3) + "L" + at(-1.3, 0) + "Z";
    case 3:
      return "M" + at(0, -1.2) + "L" + at(1.1, .9) + "L" + at(-1.1, .9) + "Z";
    case 4:
      return "M" + at(0, 1.2) + "L" + at(1.1, -.9) + "L" + at(-1.1, -.9) + "Z";
    default:
      return "M" + at(-1.2, -.4) + "H" + number(x - .4 * r) + "V" + number(y - 1.2 * r) + "H" +
             number(x + .4 * r) + "V" + number(y - .4 * r) + "H" + number(x + 1.2 * r) + "V" +
             number(y + .4 * r) + "H" + number(x + .4 * r) + "V" + number(y + 1.2 * r) + "H" +
             number(x - .4 * r) + "V" + number(y + .4 * r) + "H" + number(x - 1.2 * r) + "Z";
  }
}

class SvgChart {
 public:
  SvgChart(const Chart& chart, const SvgSize& size)
      : chart_(chart),
        size_(size),
        x_scale_(chart.x, x_values(chart)),
        y_scale_(chart.y, y_values(chart)) {}

  std::string draw() const {
    std::string plot = axes();
    // Bands lie under lines, lines under points.
    for (const auto& layer :
         {std::set{Mark::band}, {Mark::line, Mark::dashes, Mark::steps}, {Mark::points}})
      for (const auto& series : chart_.series)
        if (layer.contains(series.mark)) plot += draw(series);
    double height = size_.height;
    plot += legend(height);
    return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " + number(size_.width) + " " +
           number(height) +
           "' role='img' font-family='system-ui,sans-serif' font-size='11' fill='" + kInk + "'>" +
           "<rect width='100%' height='100%' fill='#fff'/><text class='title' x='" + number(kLeft) +
           "' y='18' font-size='13' font-weight='600'>" + escape_html(chart_.title) + "</text>" +
           plot + "</svg>";
  }

 private:
  double x(double value) const {
    return kLeft + x_scale_.place(value) * (size_.width - kLeft - kRight);
  }
  double y(double value) const {
    return size_.height - kBottom - y_scale_.place(value) * (size_.height - kTop - kBottom);
  }
  bool shown(const ChartPoint& point) const {
    return shows(chart_.x, point.x) && shows(chart_.y, point.y);
  }

  std::string axes() const {
    const double bottom = size_.height - kBottom, right = size_.width - kRight;
    std::string svg;
    for (const double tick : x_scale_.ticks())
      svg += segment(x(tick), kTop, x(tick), bottom, kGrid) +
             text(x(tick), bottom + 16, "middle", tick_text(tick));
    for (const double tick : y_scale_.ticks())
      svg += segment(kLeft, y(tick), right, y(tick), kGrid) +
             text(kLeft - 6, y(tick) + 4, "end", tick_text(tick));
    svg += text((kLeft + right) / 2, bottom + 36, "middle", chart_.x.label);
    if (!chart_.y.label.empty())
      svg += "<g transform='translate(14 " + number((kTop + bottom) / 2) + ") rotate(-90)'>" +
             text(0, 0, "middle", chart_.y.label) + "</g>";
    return svg;
  }

  std::string draw(const ChartSeries& series) const {
    const std::string colour = chart_colour(series.colour, kInk);
    switch (series.mark) {
      case Mark::band:
        return band(series, colour);
      case Mark::points:
        return bars(series, colour) + markers(series, colour);
      default:
        return line(series, colour) + bars(series, colour);
    }
  }

  std::string line(const ChartSeries& series, const std::string& colour) const {
    std::string path;
    for (const auto& point : series.points) {
      if (!shown(point)) continue;
      if (series.mark == Mark::steps && !path.empty()) path += "H" + number(x(point.x));
      path += (path.empty() ? "M" : "L") + number(x(point.x)) + " " + number(y(point.y));
    }
    if (path.empty()) return "";
    return "<path fill='none' stroke-width='1.6' stroke='" + colour + "'" +
           (series.mark == Mark::dashes ? " stroke-dasharray='6 4'" : "") + " d='" + path + "'/>";
  }

  std::string band(const ChartSeries& series, const std::string& colour) const {
    std::string there, back;
    for (const auto& point : series.points) {
      if (!shows(chart_.x, point.x) || !shows(chart_.y, point.low) || !shows(chart_.y, point.high))
        continue;
      there += (there.empty() ? "M" : "L") + number(x(point.x)) + " " + number(y(point.high));
      back = "L" + number(x(point.x)) + " " + number(y(point.low)) + back;
    }
    return there.empty()
               ? ""
               : "<path fill='" + colour + "' fill-opacity='.14' d='" + there + back + "Z'/>";
  }

  std::string bars(const ChartSeries& series, const std::string& colour) const {
    std::string svg;
    for (const auto& point : series.points)
      if (shown(point) && shows(chart_.y, point.low) && shows(chart_.y, point.high)) {
        const double at = x(point.x), low = y(point.low), high = y(point.high);
        svg += segment(at, low, at, high, colour) + segment(at - 3, low, at + 3, low, colour) +
               segment(at - 3, high, at + 3, high, colour);
      }
    return svg;
  }

  std::string markers(const ChartSeries& series, const std::string& colour) const {
    std::string path;
    for (const auto& point : series.points)
      if (shown(point))
        path += marker(series.shape, x(point.x), y(point.y), series.faint ? 3 : 4.5);
    if (path.empty()) return "";
    return "<path fill='" + colour + "'" + (series.faint ? " fill-opacity='.6'" : "") + " d='" +
           path + "'/>";
  }

  // Every name once, in as many rows as they need below the plot.
  std::string legend(double& height) const {
    std::string svg;
    const auto entries = legend_entries(chart_);
    double at = kLeft, row = height + 8;
    for (const auto entry : entries) {
      const auto& series = chart_.series[entry];
      const double width = 28 + kLetter * static_cast<double>(series.name.size());
      if (at + width > size_.width && at > kLeft) at = kLeft, row += kLegendRow;
      const std::string colour = chart_colour(series.colour, kInk);
      svg += series.mark == Mark::points
                 ? "<path fill='" + colour + "' d='" + marker(series.shape, at + 6, row - 4, 4.5) +
                       "'/>"
                 : "<path stroke-width='2' stroke='" + colour + "'" +
                       (series.mark == Mark::dashes ? " stroke-dasharray='4 3'" : "") + " d='M" +
                       number(at) + " " + number(row - 4) + "h14'/>";
      svg += text(at + 18, row, "start", series.name);
      at += width;
    }
    if (!entries.empty()) height = row + 12;
    return svg;
  }

  const Chart& chart_;
  SvgSize size_;
  AxisScale x_scale_, y_scale_;
};

}  // namespace

std::string svg_chart(const Chart& chart, const SvgSize& size) {
  return SvgChart(chart, size).draw();
}

}  // namespace tessera
