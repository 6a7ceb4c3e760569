#include "study/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace tessera {
namespace {

constexpr int kSteps = 64, kHalvings = 30;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct Pair {
  const DesignCurve &design, &reference;
  double lowest = 0, highest = 0;  // FLOPs that were measured of both

  Pair(const DesignCurve& a, const DesignCurve& b)
      : design(a),
        reference(b),
        lowest(std::max(a.lowest_flops, b.lowest_flops)),
        highest(std::min(a.highest_flops, b.highest_flops)) {}

  bool design_is_better(const ScalingLaw& of_design, const ScalingLaw& of_reference,
                        double flops) const {
    return design.at(of_design, flops) < reference.at(of_reference, flops);
  }

  // From where on the design is the better one to the end of the range, when it is not at its
  // beginning; 0 when it is, infinity when it is not at the end.
  double better_from(const ScalingLaw& of_design, const ScalingLaw& of_reference) const {
    const auto better = [&](double flops) {
      return design_is_better(of_design, of_reference, flops);
    };
    if (!better(highest)) return kInfinite;
    if (better(lowest)) return 0;
    double above = highest;
    for (int i = 1; i <= kSteps; ++i) {
      double below = highest * std::pow(lowest / highest, i / double{kSteps});
      if (better(below)) {
        above = below;
        continue;
      }
      for (int k = 0; k < kHalvings; ++k) {
        const double middle = std::sqrt(below * above);
        (better(middle) ? above : below) = middle;
      }
      return above;
    }
    return 0;
  }
};

// of_both(law of a, law of b) for the samples of two curves.
std::vector<double> over_samples(const DesignCurve& a, const DesignCurve& b, auto&& of_both) {
  TESSERA_CHECK(a.fit.samples.size() == b.fit.samples.size());
  std::vector<double> values;
  for (std::size_t i = 0; i < a.fit.samples.size(); ++i)
    values.push_back(of_both(a.fit.samples[i].law, b.fit.samples[i].law));
  return values;
}

}  // namespace

std::optional<QualityRange> common_quality(const DesignCurve& a, const DesignCurve& b) {
  const auto best = [](const DesignCurve& c) { return c.at(c.fit.law, c.highest_flops); };
  const auto worst = [](const DesignCurve& c) { return c.at(c.fit.law, c.lowest_flops); };
  const QualityRange range{std::max(best(a), best(b)), std::min(worst(a), worst(b))};
  if (range.best >= range.worst) return std::nullopt;
  return range;
}

ComputeRatio compute_ratio(const DesignCurve& design, const DesignCurve& reference,
                           double quality) {
  const auto interval = [&](double design_tokenizer, double reference_tokenizer) {
    const auto ratio = [&](const ScalingLaw& of_design, const ScalingLaw& of_reference) {
      const double longer = of_reference.flops_for(quality) + reference_tokenizer;
      const double shorter = of_design.flops_for(quality) + design_tokenizer;
      return longer == shorter ? 1 : longer / shorter;  // both may be infinite, or round to 0
    };
    return interval_of(ratio(design.fit.law, reference.fit.law),
                       over_samples(design, reference, ratio));
  };
  return {interval(design.tokenizer_flops, reference.tokenizer_flops), interval(0, 0)};
}

bool CrossOver::is_decided() const { return flops.low > 0 && std::isfinite(flops.high); }

std::optional<CrossOver> cross_over(const DesignCurve& first, const DesignCurve& second) {
  const Pair probe(first, second);
  if (probe.lowest >= probe.highest) return std::nullopt;
  const bool first_above = probe.design_is_better(first.fit.law, second.fit.law, probe.highest);
  const Pair pair = first_above ? Pair(first, second) : Pair(second, first);
  const auto from = [&](const ScalingLaw& of_design, const ScalingLaw& of_reference) {
    return pair.better_from(of_design, of_reference);
  };
  const double flops = from(pair.design.fit.law, pair.reference.fit.law);
  if (flops == 0 || std::isinf(flops)) return std::nullopt;
  return CrossOver{first_above,
                   interval_of(flops, over_samples(pair.design, pair.reference, from))};
}

}  // namespace tessera
