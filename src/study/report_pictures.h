#pragma once

#include <string>
#include <vector>

#include "study/report_view.h"

namespace tessera {

/// Samples and reconstructions beside each other, the pictures in the page itself: of each design
/// of a view the largest generator at its last compute point, first seed.
std::string report_pictures(const ReportInput& input, const std::vector<ReportView>& views);

}  // namespace tessera
