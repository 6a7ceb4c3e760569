#include "study/design_curve.h"

namespace tessera {
namespace {

Interval over_samples(double value, const FittedLaw& fit, auto&& of_sample) {
  std::vector<double> values;
  for (const auto& sample : fit.samples) values.push_back(of_sample(sample));
  return interval_of(value, std::move(values));
}

}  // namespace

Interval DesignCurve::value_at(double flops) const {
  return over_samples(at(fit.law, flops), fit,
                      [&](const LawSample& sample) { return at(sample.law, flops); });
}

Interval DesignCurve::run_at(double flops) const {
  return over_samples(at(fit.law, flops), fit, [&](const LawSample& sample) {
    return sample.run_at(flops - tokenizer_flops);
  });
}

}  // namespace tessera
