#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "study/interval.h"

namespace tessera {

/// L(C) = l_min + C^alpha * e^lambda: what is left of a loss L after C FLOPs; alpha < 0.
struct ScalingLaw {
  double l_min = 0, alpha = 0;
  double lambda = 0;  ///< minus infinity is a law that does not fall

  double at(double flops) const;
  /// The compute that reaches `value`; infinite at l_min and below, 0 above a law that does not
  /// fall.
  double flops_for(double value) const;
};

/// A measurement, and the seed of the run that it is from: its points are not independent.
struct LawPoint {
  double flops = 0, value = 0;
  std::uint64_t seed = 0;
};

/// A law that could have been fitted, had the seeds been others.
struct LawSample {
  ScalingLaw law;
  double one_run = 0;  ///< ln of what one more run would measure over what the law says

  /// What one more run would measure.
  double run_at(double flops) const;
};

struct FittedLaw {
  ScalingLaw law;
  double scatter = 0;  ///< robust standard deviation of ln(measured / law)
  std::vector<LawSample> samples;

  Interval l_min() const;
  Interval alpha() const;
  Interval lambda() const;
};

/// A law, or why there is none.
struct LawFit {
  std::optional<FittedLaw> fitted;
  std::string why_not;
};

struct BootstrapOptions {
  int samples = 1000;
  std::uint64_t seed = 0;
};

/// The chance of values that the fitted law explains so well, were they normal about a constant: by
/// the F test of its two further parameters. 1 where no law can be fitted.
double chance_of_fall(const std::vector<LawPoint>& points);

/// Fits the law to relative errors, with Huber's weights against outliers: l_min >= 0, alpha in
/// [-4, -0.01]. There is none for fewer than four points or three levels of compute, for values
/// that are not positive, or that do not clearly fall with compute.
///
/// The samples: a run's deviation from the law is that of its seed, which all its points share,
/// and one of each point's own, both normal in ln L. Each sample first draws the two variances as
/// uncertain as so few seeds and points leave them (scaled inverse chi-squared), then new values
/// at the same places, and fits them. With one level of compute this is Student's interval, and
/// three seeds are told from thirty. Resampling whole seeds instead has but ten different samples
/// of three seeds, and intervals that hold the truth far less often than they claim.
LawFit fit_scaling_law(const std::vector<LawPoint>& points, const BootstrapOptions& options);

}  // namespace tessera
