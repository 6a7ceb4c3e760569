#pragma once

#include <functional>
#include <map>

#include "study/row.h"
#include "study/sweep.h"

namespace tessera {

/// The number that a row is compared by.
using RowValue = std::function<double(const StudyRow& row)>;
using DesignRows = std::map<std::string, std::vector<const StudyRow*>>;

/// A design against its references: for each seed the mean over the places that every seed has, so
/// that seeds differ by chance alone.
struct Differences {
  std::map<std::uint64_t, double> by_seed;
  std::string left_out;  ///< what is not compared, and why; empty where all is
};

/// The rows that a rule compares, paired by seed, generator and steps. Keeps references to both.
class PairedRows {
 public:
  PairedRows(const FindingRule& rule, const std::vector<StudyRow>& rows);

  /// Of the rule's design against its references, in the rows that a filter leaves.
  Differences differences(const RowFilter& filter, const RowValue& value) const;
  /// The same of other designs.
  Differences differences(const RowFilter& filter, const std::string& design_name,
                          const std::vector<std::string>& references, const RowValue& value) const;

  /// Positions of an image in the design's rows.
  std::size_t positions() const;

 private:
  const FindingRule& rule_;
  std::map<std::uint64_t, DesignRows> by_seed_;
};

}  // namespace tessera
