#include "study/compare_designs.h"

#include <algorithm>
#include <cmath>

#include "study/common_fits.h"
#include "study/comparison.h"

namespace tessera {
namespace {

bool share_a_sweep(const DesignFit& a, const DesignFit& b) {
  const auto has = [](const DesignFit& fit, const std::string& sweep) {
    return std::any_of(fit.rows.begin(), fit.rows.end(), [&](const StudyRow& row) {
      return std::find(row.sweeps.begin(), row.sweeps.end(), sweep) != row.sweeps.end();
    });
  };
  for (const auto& row : a.rows)
    for (const auto& sweep : row.sweeps)
      if (has(b, sweep)) return true;
  return false;
}

class DesignComparison {
 public:
  DesignComparison(std::string metric, const BootstrapOptions& options)
      : metric_(std::move(metric)), fits_(metric_, options) {}

  void add(const DesignFit& design, const DesignFit& reference) {
    if (!share_a_sweep(design, reference) ||
        !are_comparable(design.rows.front(), reference.rows.front(), metric_))
      return;
    const auto generators = common_generators(design.rows, reference.rows, metric_);
    const auto &first = fits_.fit(design, generators), &second = fits_.fit(reference, generators);
    if (!first.curve || !second.curve) return;
    add_ratios(*first.curve, *second.curve, generators);
    add_ratios(*second.curve, *first.curve, generators);
    add_crossover(*first.curve, *second.curve, generators);
  }

  Comparisons take() { return std::move(found_); }

 private:
  void add_ratios(const DesignCurve& design, const DesignCurve& reference,
                  const std::vector<std::string>& generators) {
    const auto range = common_quality(design, reference);
    if (!range) return;
    const std::pair<const char*, double> qualities[] = {
        {"worst", range->worst},
        {"middle", std::sqrt(range->worst * range->best)},
        {"best", range->best}};
    for (const auto& [at, quality] : qualities) {
      const auto ratio = compute_ratio(design, reference, quality);
      found_.ratios.push_back({{"metric", metric_},
                               {"design", design.design},
                               {"reference", reference.design},
                               {"generators", generators},
                               {"at", at},
                               {"quality", quality},
                               {"ratio", to_json(ratio.both_stages)},
                               {"generator_ratio", to_json(ratio.generator)}});
    }
  }

  void add_crossover(const DesignCurve& first, const DesignCurve& second,
                     const std::vector<std::string>& generators) {
    const auto crossing = cross_over(first, second);
    if (!crossing) return;
    const bool above = crossing->first_is_better_above;
    found_.crossovers.push_back({{"metric", metric_},
                                 {"design", above ? first.design : second.design},
                                 {"reference", above ? second.design : first.design},
                                 {"generators", generators},
                                 {"decided", crossing->is_decided()},
                                 {"flops", to_json(crossing->flops)}});
  }

  std::string metric_;
  CommonFits fits_;
  Comparisons found_;
};

}  // namespace

Comparisons compare_designs(const std::vector<DesignFit>& designs, const std::string& metric,
                            const BootstrapOptions& options) {
  DesignComparison comparison(metric, options);
  for (std::size_t i = 0; i < designs.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) comparison.add(designs[i], designs[k]);
  return comparison.take();
}

}  // namespace tessera
