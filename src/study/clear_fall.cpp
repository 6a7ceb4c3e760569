#include "study/clear_fall.h"

#include <cmath>

#include "base/random.h"
#include "study/design_fits.h"

namespace tessera {
namespace {

constexpr int kDeals = 2000, kAllowed = kDeals / 20;  // 5%
// A chance of 5% would leave no more than two of the first deals once in 400 times.
constexpr int kFirstDeals = 200, kClearly = 2;

// The values of each seed, at random among its rows.
void deal(std::vector<StudyRow>& rows, const std::string& metric, Rng& rng) {
  std::map<std::uint64_t, std::vector<double>> by_seed;
  for (const auto& row : rows) by_seed[row.seed].push_back(row.metric(metric));
  for (auto& [seed, values] : by_seed) shuffle(values, rng);
  for (auto& row : rows) {
    row.metrics.at(metric) = by_seed[row.seed].back();
    by_seed[row.seed].pop_back();
  }
}

}  // namespace

bool falls_beyond_chance(const std::vector<StudyRow>& rows, const std::string& metric,
                         std::uint64_t seed) {
  std::vector<StudyRow> dealt;  // what the best is chosen by, and nothing else
  for (const auto& row : rows)
    if (std::isfinite(row.metric(metric)))
      dealt.push_back({.seed = row.seed,
                       .generator_flops = row.generator_flops,
                       .metrics = {{metric, row.metric(metric)}}});
  const double measured = chance_of_fall(best_for_compute(dealt, metric));
  Rng rng(seed);
  int as_clear = 0;
  for (int i = 1; i <= kDeals && as_clear < kAllowed; ++i) {
    deal(dealt, metric, rng);
    as_clear += chance_of_fall(best_for_compute(dealt, metric)) <= measured;
    if (i == kFirstDeals && as_clear <= kClearly) return true;
  }
  return as_clear < kAllowed;
}

}  // namespace tessera
