#include "demo/chart.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace tessera {
namespace {

constexpr double kWidth = 420, kHeight = 260, kLeft = 56, kRight = 12, kTop = 30, kBottom = 40;
constexpr std::array kColours = {"#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#4a5568"};

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void include(double value) {
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  }
  void widen() {
    if (low > high) low = 0, high = 1;
    if (high - low < 1e-12) low -= 0.5, high += 0.5;
  }
};

std::string number(double value, const char* format = "%.4g") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// 1, 2 or 5 times a power of ten, so that about five steps cover the range.
double round_step(const Range& range) {
  const double rough = (range.high - range.low) / 5,
               power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (rough <= factor * power) return factor * power;
  return 10 * power;
}

class Chart {
 public:
  explicit Chart(const std::vector<Series>& series) {
    for (const auto& line : series)
      for (std::size_t i = 0; i < line.y.size(); ++i) x_.include(line.x[i]), y_.include(line.y[i]);
    x_.widen(), y_.widen();
  }

  std::string axes() const {
    std::string svg;
    const double x_step = round_step(x_), y_step = round_step(y_);
    for (double tick = std::ceil(x_.low / x_step) * x_step; tick <= x_.high + 1e-9 * x_step;
         tick += x_step)
      svg += text(x(tick), kHeight - kBottom + 16, "middle", number(tick));
    for (double tick = std::ceil(y_.low / y_step) * y_step; tick <= y_.high + 1e-9 * y_step;
         tick += y_step) {
      svg += "<line x1='" + number(kLeft) + "' x2='" + number(kWidth - kRight) + "' y1='" +
             number(y(tick)) + "' y2='" + number(y(tick)) + "' stroke='#e2e8f0'/>";
      svg += text(kLeft - 6, y(tick) + 4, "end", number(std::abs(tick) < 1e-9 * y_step ? 0 : tick));
    }
    return svg;
  }

  std::string line(const Series& series, const char* colour) const {
    std::string points;
    for (std::size_t i = 0; i < series.y.size(); ++i)
      if (std::isfinite(series.y[i]))
        points += number(x(series.x[i]), "%.1f") + "," + number(y(series.y[i]), "%.1f") + " ";
    return "<polyline fill='none' stroke-width='1.6' stroke='" + std::string(colour) +
           "' points='" + points + "'/>";
  }

  static std::string text(double x, double y, const char* anchor, const std::string& words) {
    return "<text x='" + number(x) + "' y='" + number(y) + "' text-anchor='" + anchor + "'>" +
           escape_html(words) + "</text>";
  }

 private:
  double x(double value) const {
    return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kHeight - kBottom - (value - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }
  Range x_, y_;
};

}  // namespace

std::string escape_html(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string line_chart(const std::string& title, const std::string& x_label,
                       const std::vector<Series>& series) {
  const Chart chart(series);
  std::string svg = "<svg viewBox='0 0 " + number(kWidth) + " " + number(kHeight) +
                    "' role='img'>" + "<text x='" + number(kLeft) + "' y='16' class='title'>" +
                    escape_html(title) + "</text>" + chart.axes();
  double legend = kWidth - kRight;
  for (std::size_t i = series.size(); i-- > 0;) {
    const char* colour = kColours[i % kColours.size()];
    svg += chart.line(series[i], colour);
    svg += "<text x='" + number(legend) + "' y='16' text-anchor='end' fill='" + colour +
           "' style='fill:" + colour + "'>" + escape_html(series[i].name) + "</text>";
    legend -= 8 + 6.6 * static_cast<double>(series[i].name.size());
  }
  return svg + Chart::text((kLeft + kWidth - kRight) / 2, kHeight - 6, "middle", x_label) +
         "</svg>";
}

}  // namespace tessera
