#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace tessera {

/// A number with its 95% interval; an end is infinite or NaN where nothing bounds it.
struct Interval {
  double value = 0, low = 0, high = 0;
};

/// Around `value` from bootstrap samples: their 2.5% and 97.5% percentiles. Samples may be
/// infinite, not NaN; at least one.
Interval interval_of(double value, std::vector<double> samples);

/// {"value", "low", "high"}; what is not finite is null.
nlohmann::json to_json(const Interval& interval);

}  // namespace tessera
