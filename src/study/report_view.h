#pragma once

#include <string>
#include <vector>

#include "study/report_input.h"

namespace tessera {

/// Rows that differ in nothing but the seed: indices into ReportInput::rows.
struct ReportGroup {
  std::vector<std::size_t> rows;
  friend bool operator==(const ReportGroup&, const ReportGroup&) = default;
};

/// Mean over seeds and sample standard deviation (NaN below two seeds) of what was measured.
struct SeedSpread {
  double mean = 0, deviation = 0, low = 0, high = 0;
  int seeds = 0;
};

/// What one sweep of the study holds; the reader looks at one at a time.
struct ReportView {
  std::string sweep;                ///< empty: all rows
  std::string id;                   ///< safe in file names and ids
  std::vector<ReportGroup> groups;  ///< by design, generator, steps
};

/// A view for each sweep, and one of all rows unless there is one sweep alone.
std::vector<ReportView> report_views(const ReportInput& input);

/// Groups at their most steps, for each design and generator.
std::vector<ReportGroup> last_points(const std::vector<StudyRow>& rows,
                                     const std::vector<ReportGroup>& groups);
/// Of last_points the one with the largest generator, for each design.
std::vector<ReportGroup> largest_generators(const std::vector<StudyRow>& rows,
                                            const std::vector<ReportGroup>& groups);

SeedSpread seed_spread(const std::vector<StudyRow>& rows, const ReportGroup& group,
                       const std::string& metric);

/// The element of the page that holds a row's configuration.
std::string row_id(std::size_t row);

}  // namespace tessera
