#pragma once

#include <vector>

#include "charts/chart.h"
#include "study/report_view.h"

namespace tessera {

/// Draws a fit over the compute that `flops` spans, and its band where the file holds one. False
/// where there is nothing to draw.
bool add_fit(Chart& chart, const ReportFit& fit, int colour, const std::vector<double>& flops);

/// Draws the Pareto front of a metric. False where there is none.
bool add_pareto(Chart& chart, const ReportFits& fits, const std::string& metric,
                const std::vector<StudyRow>& rows);

/// Nats by position, means over the rows of a group.
std::vector<ChartPoint> position_means(const std::vector<StudyRow>& rows, const ReportGroup& group);

}  // namespace tessera
