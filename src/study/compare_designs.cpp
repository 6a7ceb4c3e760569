#include "study/compare_designs.h"

#include <algorithm>
#include <cmath>
#include <map>

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

// Smallest first.
std::vector<std::string> generators_of(const std::vector<StudyRow>& rows,
                                       const std::set<RunPlace>& places) {
  std::map<std::string, std::int64_t> parameters;
  for (const auto& row : rows)
    if (places.contains(row.place())) parameters.emplace(row.generator, row.generator_parameters);
  std::vector<std::string> names;
  for (const auto& [name, count] : parameters) names.push_back(name);
  std::ranges::stable_sort(names, {}, [&](const auto& name) { return parameters.at(name); });
  return names;
}

class DesignComparison {
 public:
  DesignComparison(std::string metric, const BootstrapOptions& options)
      : metric_(std::move(metric)), fits_(metric_, options) {}

  void add(const DesignFit& design, const DesignFit& reference) {
    if (!share_a_sweep(design, reference) ||
        !are_comparable(design.rows.front(), reference.rows.front(), metric_))
      return;
    const auto places = common_places(design.rows, reference.rows, metric_);
    const auto &first = fits_.fit(design, places), &second = fits_.fit(reference, places);
    if (!first.curve || !second.curve) return;
    const Basis basis{generators_of(first.rows, places), std::min(first.seeds(), second.seeds())};
    add_ratios(*first.curve, *second.curve, basis);
    add_ratios(*second.curve, *first.curve, basis);
    add_crossover(*first.curve, *second.curve, basis);
  }

  Comparisons take() { return std::move(found_); }

 private:
  // What two designs are compared by.
  struct Basis {
    std::vector<std::string> generators;
    int seeds = 0;  // the fewer of both
  };

  void add_ratios(const DesignCurve& design, const DesignCurve& reference, const Basis& basis) {
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
                               {"generators", basis.generators},
                               {"seeds", basis.seeds},
                               {"at", at},
                               {"quality", quality},
                               {"ratio", to_json(ratio.both_stages)},
                               {"generator_ratio", to_json(ratio.generator)}});
    }
  }

  void add_crossover(const DesignCurve& first, const DesignCurve& second, const Basis& basis) {
    const auto crossing = cross_over(first, second);
    if (!crossing) return;
    const bool above = crossing->first_is_better_above;
    found_.crossovers.push_back({{"metric", metric_},
                                 {"design", above ? first.design : second.design},
                                 {"reference", above ? second.design : first.design},
                                 {"generators", basis.generators},
                                 {"seeds", basis.seeds},
                                 {"decided", basis.seeds > 1 && crossing->is_decided()},
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
