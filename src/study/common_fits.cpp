#include "study/common_fits.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace tessera {

std::vector<std::string> common_generators(const std::vector<StudyRow>& a,
                                           const std::vector<StudyRow>& b,
                                           const std::string& metric) {
  std::set<std::string> of_b;
  for (const auto& row : b)
    if (std::isfinite(row.metric(metric))) of_b.insert(row.generator);
  std::map<std::string, std::int64_t> parameters;
  for (const auto& row : a)
    if (std::isfinite(row.metric(metric)) && of_b.contains(row.generator))
      parameters.emplace(row.generator, row.generator_parameters);
  std::vector<std::string> names;
  for (const auto& [name, count] : parameters) names.push_back(name);
  std::ranges::stable_sort(names, {}, [&](const auto& name) { return parameters.at(name); });
  return names;
}

const DesignFit& CommonFits::fit(const DesignFit& of_all,
                                 const std::vector<std::string>& generators) {
  if (common_generators(of_all.rows, of_all.rows, metric_).size() == generators.size())
    return of_all;
  const auto [place, is_new] = fits_.try_emplace({of_all.design, generators});
  if (is_new) {
    auto rows = of_all.rows;
    std::erase_if(rows, [&](const StudyRow& row) {
      return std::ranges::find(generators, row.generator) == generators.end();
    });
    place->second = fit_design(of_all.design, rows, metric_, options_);
  }
  return place->second;
}

}  // namespace tessera
