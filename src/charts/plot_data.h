#pragma once

#include <nlohmann/json.hpp>

#include "charts/chart.h"

namespace tessera {

/// A chart as plotly.js takes it: {"data": traces, "layout": axes}. Ids of points are `customdata`.
/// The page adds what depends on it: fonts and the colours of text and grid, which series of
/// colour kNeutral take as "ink".
nlohmann::json plot_data(const Chart& chart);

}  // namespace tessera
