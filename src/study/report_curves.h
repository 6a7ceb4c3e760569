#pragma once

#include <vector>

#include "charts/chart.h"
#include "study/report_view.h"

namespace tessera {

/// Draws a fit and its band. False where the file holds no curve.
bool add_fit(Chart& chart, const ReportFit& fit, int colour);

/// Draws a Pareto front as stairs.
void add_pareto(Chart& chart, const ReportPareto& pareto, const std::vector<StudyRow>& rows);

/// Nats by position, means over the rows of a group.
std::vector<ChartPoint> position_means(const std::vector<StudyRow>& rows, const ReportGroup& group);

}  // namespace tessera
