#pragma once

#include <map>

#include "study/design_fits.h"

namespace tessera {

/// The generators, smallest first, with which a metric was measured in both lists of rows.
std::vector<std::string> common_generators(const std::vector<StudyRow>& a,
                                           const std::vector<StudyRow>& b,
                                           const std::string& metric);

/// Fits designs to some of their generators. Two designs are compared by the generators that both
/// have: with more sizes to choose from, the same law looks cheaper.
class CommonFits {
 public:
  CommonFits(std::string metric, const BootstrapOptions& options)
      : metric_(std::move(metric)), options_(options) {}

  /// `of_all` itself where it was fitted to no other generators; else fitted once.
  const DesignFit& fit(const DesignFit& of_all, const std::vector<std::string>& generators);

 private:
  std::string metric_;
  BootstrapOptions options_;
  std::map<std::pair<std::string, std::vector<std::string>>, DesignFit> fits_;
};

}  // namespace tessera
