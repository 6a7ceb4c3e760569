#pragma once

#include <string>
#include <vector>

#include "study/row.h"

namespace tessera {

/// How the report names and writes a metric of a row.
struct ReportMetric {
  const char* name;   ///< its key in a row's `metrics`
  const char* label;  ///< with its unit
  const char* format;
  const char* meaning;
};

/// In the order in which tables show them.
const std::vector<ReportMetric>& report_metrics();
/// Those of them that some row holds.
std::vector<ReportMetric> measured_metrics(const std::vector<StudyRow>& rows);

/// One of report_metrics(), or what stands for a metric that it does not know.
ReportMetric report_metric(const std::string& name);

/// A number as text; "–" for one that is not finite.
std::string number_text(double value, const char* format = "%.4g");

/// FLOPs in the unit that suits them: "320 TFLOP".
std::string flops_text(double flops);

/// A count: "12.3 million".
std::string count_text(double count);

}  // namespace tessera
