#pragma once

#include <string>
#include <vector>

#include "study/report_view.h"

namespace tessera {

/// Findings with their verdicts, numbers and rules; what makes them where there are none.
std::string report_findings(const ReportInput& input, const std::vector<ReportView>& views);

}  // namespace tessera
