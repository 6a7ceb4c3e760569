#pragma once

#include <limits>
#include <string>
#include <vector>

#include "charts/chart.h"

namespace tessera {

/// Where on an axis a value lies, and which values are marked there.
class AxisScale {
 public:
  /// Covers every value of `values` that the axis can show, with a little room.
  AxisScale(const ChartAxis& axis, const std::vector<double>& values);

  /// From 0 to 1 within the axis.
  double place(double value) const;
  /// Those of the axis, else three to eight round values; on a logarithmic axis powers of ten where
  /// there are enough.
  std::vector<double> ticks() const;

 private:
  bool log_;
  std::vector<double> given_;  // ticks
  double low_, high_;          // logarithms of base ten on a logarithmic axis
};

/// A tick as text: 0.25, 3000, 2e14.
std::string tick_text(double value);

}  // namespace tessera
