#include "study/interval.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

// Between neighbours in proportion; of an infinite neighbour, that one.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double part = place - std::floor(place);
  if (part == 0) return sorted[below];
  if (std::isinf(sorted[below])) return sorted[below];
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

nlohmann::json finite(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

}  // namespace

Interval interval_of(double value, std::vector<double> samples) {
  TESSERA_CHECK(!samples.empty());
  std::sort(samples.begin(), samples.end());
  return {value, percentile(samples, 0.025), percentile(samples, 0.975)};
}

nlohmann::json to_json(const Interval& interval) {
  return {{"value", finite(interval.value)},
          {"low", finite(interval.low)},
          {"high", finite(interval.high)}};
}

}  // namespace tessera
