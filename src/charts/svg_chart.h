#pragma once

#include <string>

#include "charts/chart.h"

namespace tessera {

struct SvgSize {
  double width = 640, height = 420;  ///< of the plot with its axes; the legend is below it
};

/// A chart as one SVG element that is a file as well: axes with round ticks, linear or logarithmic,
/// error bars, bands, and a legend. Points that an axis cannot show are left out.
std::string svg_chart(const Chart& chart, const SvgSize& size = {});

}  // namespace tessera
