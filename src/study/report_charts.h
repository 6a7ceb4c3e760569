#pragma once

#include <vector>

#include "charts/chart.h"
#include "study/report_view.h"

namespace tessera {

/// The charts of a view, those without anything to show left out. A design has one colour and a
/// generator one shape in all of them; ids of points are row_id().
std::vector<Chart> report_charts(const ReportInput& input, const ReportView& view);

}  // namespace tessera
