#pragma once

#include <string>
#include <vector>

#include "study/report_view.h"

namespace tessera {

/// The views that an element belongs to, as the attribute by which the page shows and hides it.
std::string views_attribute(const std::vector<std::size_t>& views);

/// Mean and spread over seeds of each design, generator and point; numbers lead to the runs.
std::string headline_table(const ReportInput& input, const std::vector<ReportView>& views);

/// Every run with its configuration to unfold.
std::string runs_table(const ReportInput& input, const std::vector<ReportView>& views);

/// Fits, ratios of compute and crossovers; what makes them where there are none.
std::string fits_tables(const ReportInput& input);

/// "1.5 to 3.0", empty without an interval.
std::string interval_text(const ReportInterval& interval, const char* format);

}  // namespace tessera
