#include "study/scaling_law.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "study/normal.h"
#include "study/separable_fit.h"

namespace tessera {
namespace {

constexpr std::size_t kFewestPoints = 4, kFewestLevels = 3;

double chi_squared(Rng& rng, double freedom) {
  double sum = 0;
  for (int i = 0; i < freedom; ++i) {
    const double value = normal(rng);
    sum += value * value;
  }
  return sum;
}

// Of flat noise some 1% is below it, as the law's parameters are bounded and it only falls.
// Points that were chosen as the best for their compute fall by that choice: clear_fall.h.
constexpr double kClear = 0.025;

// With two further parameters the tail of F has a closed form.
double tail_of_f(const std::vector<LawPoint>& points, const ScalingLaw& law) {
  const auto count = static_cast<double>(points.size());
  double mean = 0, left = 0, all = 0;
  for (const auto& point : points) mean += std::log(point.value) / count;
  for (const auto& point : points) {
    const double of_mean = std::log(point.value) - mean;
    const double of_law = std::log(point.value / law.at(point.flops));
    all += of_mean * of_mean, left += of_law * of_law;
  }
  if (!std::isfinite(law.lambda) || left >= all) return 1;
  return std::pow(left / all, (count - 3) / 2);
}

struct Coordinates {
  std::vector<double> flops, values;
};

Coordinates coordinates(const std::vector<LawPoint>& points) {
  Coordinates result;
  for (const auto& point : points)
    result.flops.push_back(point.flops), result.values.push_back(point.value);
  return result;
}

std::size_t count_levels(const std::vector<LawPoint>& points) {
  std::vector<double> flops;
  for (const auto& point : points) flops.push_back(point.flops);
  std::sort(flops.begin(), flops.end());
  std::size_t levels = 0;
  double last = 0;
  for (const double each : flops)
    if (each > 1.01 * last) ++levels, last = each;
  return levels;
}

std::string why_not(const std::vector<LawPoint>& points) {
  if (points.size() < kFewestPoints)
    return "there are " + std::to_string(points.size()) + " points, expected at least 4";
  for (const auto& point : points) {
    if (!(point.flops > 0) || !std::isfinite(point.flops))
      return "a point has " + std::to_string(point.flops) + " FLOPs";
    if (!(point.value > 0) || !std::isfinite(point.value))
      return "a value is " + std::to_string(point.value) + ", expected above 0";
  }
  if (const auto levels = count_levels(points); levels < kFewestLevels)
    return "there are " + std::to_string(levels) + " levels of compute, expected at least 3";
  return {};
}

// How runs differ from a law: ln L = ln law + that of the seed + that of the point.
class Deviations {
 public:
  Deviations(const std::vector<LawPoint>& points, const SeparableFit::Result& fit) {
    std::map<std::uint64_t, std::vector<double>> by_seed;
    const double most = 2.5 * fit.scatter;  // the fit, too, does not follow outliers
    for (const auto& point : points) {
      const double deviation = std::log(point.value / fit.law.at(point.flops));
      by_seed[point.seed].push_back(std::clamp(deviation, -most, most));
      seeds_.push_back(point.seed);
    }
    const auto seeds = static_cast<double>(by_seed.size());
    std::map<std::uint64_t, double> means;
    double mean = 0;
    for (const auto& [seed, deviations] : by_seed) {
      for (const double each : deviations)
        means[seed] += each / static_cast<double>(deviations.size());
      mean += means[seed] / seeds;
      counts_[seed] = static_cast<double>(deviations.size());
      for (const double each : deviations) within_ += (each - means[seed]) * (each - means[seed]);
    }
    for (const auto& [seed, each] : means) between_ += (each - mean) * (each - mean);
    between_freedom_ = seeds - 1;
    // A mean of each seed is taken off, and the law's two parameters besides its level.
    within_freedom_ = std::max(1.0, static_cast<double>(points.size()) - seeds - 2);
  }

  struct Sample {
    std::vector<double> points;
    double one_run = 0;
  };
  Sample draw(Rng& rng) const {
    const double within = std::sqrt(within_ / chi_squared(rng, within_freedom_));
    const double between =
        between_freedom_ > 0 ? std::sqrt(between_ / chi_squared(rng, between_freedom_)) : 0;
    Sample sample;
    std::map<std::uint64_t, double> shift;
    for (const auto seed : seeds_) sample.points.push_back(within * normal(rng)), shift[seed];
    // The variance between means of seeds holds what the points' own leaves in a mean.
    if (between_freedom_ > 0)
      for (std::size_t i = 0; i < seeds_.size(); ++i)
        shift[seeds_[i]] -= sample.points[i] / counts_.at(seeds_[i]);
    for (auto& [seed, each] : shift) each += between * normal(rng);
    for (std::size_t i = 0; i < seeds_.size(); ++i)
      sample.points[i] = within_reach(sample.points[i] + shift[seeds_[i]]);
    sample.one_run = within_reach(within * normal(rng) + between * normal(rng));
    return sample;
  }

 private:
  // Two seeds tell so little of their variance that some draws are beyond what exp() takes.
  static double within_reach(double deviation) { return std::clamp(deviation, -50.0, 50.0); }

  std::vector<std::uint64_t> seeds_;  // [N]
  std::map<std::uint64_t, double> counts_;
  double within_ = 0, between_ = 0;  // sums of squares
  double within_freedom_ = 0, between_freedom_ = 0;
};

Interval interval_over(const FittedLaw& fitted, double ScalingLaw::*parameter) {
  std::vector<double> values;
  for (const auto& sample : fitted.samples) values.push_back(sample.law.*parameter);
  return interval_of(fitted.law.*parameter, values);
}

}  // namespace

double ScalingLaw::at(double flops) const {
  return l_min + std::exp(alpha * std::log(flops) + lambda);
}

double ScalingLaw::flops_for(double value) const {
  if (value <= l_min) return std::numeric_limits<double>::infinity();
  if (std::isinf(lambda)) return 0;  // it is below from the first
  return std::exp((std::log(value - l_min) - lambda) / alpha);
}

double LawSample::run_at(double flops) const { return law.at(flops) * std::exp(one_run); }

Interval FittedLaw::l_min() const { return interval_over(*this, &ScalingLaw::l_min); }
Interval FittedLaw::alpha() const { return interval_over(*this, &ScalingLaw::alpha); }
Interval FittedLaw::lambda() const { return interval_over(*this, &ScalingLaw::lambda); }

double chance_of_fall(const std::vector<LawPoint>& points) {
  if (!why_not(points).empty()) return 1;
  const auto [flops, values] = coordinates(points);
  return tail_of_f(points, SeparableFit(flops).fit(values).law);
}

LawFit fit_scaling_law(const std::vector<LawPoint>& points, const BootstrapOptions& options) {
  TESSERA_CHECK(options.samples > 0);
  if (auto why = why_not(points); !why.empty()) return {.why_not = std::move(why)};
  auto [flops, values] = coordinates(points);
  const SeparableFit fit(flops);
  const auto best = fit.fit(values);
  if (tail_of_f(points, best.law) >= kClear)
    return {.why_not = "the values do not clearly fall with compute"};
  FittedLaw fitted{.law = best.law, .scatter = best.scatter};
  const Deviations deviations(points, best);
  for (int i = 0; i < options.samples; ++i) {
    Rng rng(mix({options.seed, static_cast<std::uint64_t>(i)}));
    const auto sample = deviations.draw(rng);
    for (std::size_t k = 0; k < points.size(); ++k)
      values[k] = best.law.at(flops[k]) * std::exp(sample.points[k]);
    fitted.samples.push_back({fit.fit(values).law, sample.one_run});
  }
  return {.fitted = std::move(fitted)};
}

}  // namespace tessera
