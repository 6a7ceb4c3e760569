#include "charts/axis_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tessera {
namespace {

constexpr int kMostSteps = 8;                     // of a linear axis; it has at least three
constexpr int kMostDecades = 5, kLeastTicks = 4;  // of a logarithmic one

// 1, 2 or 5 times a power of ten, so that at most kMostSteps steps cover `length`.
double round_step(double length) {
  const double rough = length / kMostSteps, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (rough <= factor * power) return factor * power;
  return 10 * power;
}

std::vector<double> multiples(double step, double low, double high) {
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack; ++n)
    ticks.push_back(n == 0 ? 0 : n * step);
  return ticks;
}

// `factors` times every power of ten within the range of logarithms.
std::vector<double> decades(const std::vector<double>& factors, double low, double high) {
  std::vector<double> ticks;
  for (double power = std::floor(low); power <= high; ++power)
    for (const double factor : factors) {
      const double place = power + std::log10(factor);
      if (place >= low - 1e-9 && place <= high + 1e-9)
        ticks.push_back(factor * std::pow(10, power));
    }
  return ticks;
}

}  // namespace

AxisScale::AxisScale(const ChartAxis& axis, const std::vector<double>& values)
    : log_(axis.log), given_(axis.ticks) {
  low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
  for (const double value : values)
    if (shows(axis, value)) {
      const double place = log_ ? std::log10(value) : value;
      low_ = std::min(low_, place), high_ = std::max(high_, place);
    }
  if (low_ > high_) low_ = 0, high_ = 1;
  // Values that are all alike still need an axis with a length.
  const double length = high_ - low_, least = log_ ? 1e-3 : 1e-9 + 1e-6 * std::abs(high_);
  const double room = length > least ? 0.04 * length : log_ ? 0.1 : 0.1 * std::abs(high_) + 1e-3;
  low_ -= room, high_ += room;
}

double AxisScale::place(double value) const {
  return ((log_ ? std::log10(value) : value) - low_) / (high_ - low_);
}

std::vector<double> AxisScale::ticks() const {
  if (!given_.empty()) return given_;
  if (!log_) return multiples(round_step(high_ - low_), low_, high_);
  if (high_ - low_ > kMostDecades) return decades({1}, low_, high_);
  for (const auto& factors : std::vector<std::vector<double>>{{1}, {1, 3}, {1, 2, 5}})
    if (auto ticks = decades(factors, low_, high_); ticks.size() >= kLeastTicks) return ticks;
  // Less than a decade: as on a linear axis.
  const double low = std::pow(10, low_), high = std::pow(10, high_);
  return multiples(round_step(high - low), low, high);
}

std::string tick_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  std::string words = text;
  // 1e+14 as 1e14.
  if (const auto plus = words.find("e+"); plus != std::string::npos) words.erase(plus + 1, 1);
  return words;
}

}  // namespace tessera
