#pragma once

#include <string>
#include <vector>

namespace tessera {

struct Series {
  std::string name;
  std::vector<double> x, y;
};

/// Plain text as HTML shows it.
std::string escape_html(const std::string& text);

/// A line chart as inline SVG: axes with round ticks, a legend, one colour a series. Points that
/// are not finite are left out.
std::string line_chart(const std::string& title, const std::string& x_label,
                       const std::vector<Series>& series);

}  // namespace tessera
