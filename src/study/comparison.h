#pragma once

#include "study/design_curve.h"

namespace tessera {

/// Values of a metric, lower is better.
struct QualityRange {
  double best = 0, worst = 0;
};

/// The qualities that both fitted curves pass through within the compute that was measured of each.
std::optional<QualityRange> common_quality(const DesignCurve& a, const DesignCurve& b);

/// The compute that `reference` takes to reach `quality`, over what `design` takes: above 1,
/// `design` is the cheaper one. Infinite where `reference` never reaches it, 0 where `design` does
/// not; where neither does, as in some samples, nothing tells them apart: 1. The curves' samples
/// must be independent of each other, of equal number.
struct ComputeRatio {
  Interval both_stages;
  Interval generator;  ///< without what the tokenizers took
};
ComputeRatio compute_ratio(const DesignCurve& design, const DesignCurve& reference, double quality);

/// Two curves that meet: above `flops` the design is the better one, to the end of their range.
struct CrossOver {
  bool first_is_better_above = false;
  /// Of both stages. An end is infinite (0 below) where the curves need not meet within the range
  /// of both.
  Interval flops;
  /// Whether the interval is bounded on both sides: that they meet at all.
  bool is_decided() const;
};

/// Where the curves meet last within the range of compute that was measured of both; none if the
/// same one is better at both ends.
std::optional<CrossOver> cross_over(const DesignCurve& first, const DesignCurve& second);

}  // namespace tessera
