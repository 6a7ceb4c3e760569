#pragma once

#include <map>
#include <set>

#include "study/design_fits.h"

namespace tessera {

/// Where a metric was measured in both lists of rows.
std::set<RunPlace> common_places(const std::vector<StudyRow>& a, const std::vector<StudyRow>& b,
                                 const std::string& metric);

/// Fits designs to some of their rows. Two designs are compared by the generators and steps that
/// both have: with more to choose from, the same law looks cheaper.
class CommonFits {
 public:
  CommonFits(std::string metric, const BootstrapOptions& options)
      : metric_(std::move(metric)), options_(options) {}

  /// `of_all` itself where it was measured nowhere else; else fitted once.
  const DesignFit& fit(const DesignFit& of_all, const std::set<RunPlace>& places);

 private:
  std::string metric_;
  BootstrapOptions options_;
  std::map<std::pair<std::string, std::set<RunPlace>>, DesignFit> fits_;
};

}  // namespace tessera
