#pragma once

#include <vector>

#include "study/scaling_law.h"

namespace tessera {

/// Fits laws to values at the same places again and again. Given alpha the law is linear in l_min
/// and e^lambda (variable projection), so that alpha alone is searched for.
class SeparableFit {
 public:
  explicit SeparableFit(const std::vector<double>& flops);

  struct Result {
    ScalingLaw law;
    double scatter = 0;
  };
  /// `values` are positive, one for each place; at least four.
  Result fit(const std::vector<double>& values) const;

 private:
  /// l_min + scale * (C / lowest C)^alpha, and its weighted sum of squared errors.
  struct Line {
    double alpha = 0, l_min = 0, scale = 0, cost = 0;
  };
  struct Data {
    const std::vector<double>&values, &weights;
  };

  std::vector<double> powers(double alpha) const;
  static Line line_of(double alpha, const std::vector<double>& powers, const Data& data);
  Line best_line(const Data& data) const;
  std::vector<double> errors(const Line& line, const std::vector<double>& values) const;

  double log_lowest_ = 0;
  std::vector<double> log_flops_;            // [N], above the lowest
  std::vector<double> alphas_;               // [K], flattest first
  std::vector<std::vector<double>> powers_;  // [K, N]
};

}  // namespace tessera
