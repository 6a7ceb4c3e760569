#include "study/common_fits.h"

#include <cmath>

namespace tessera {
std::set<RunPlace> common_places(const std::vector<StudyRow>& a, const std::vector<StudyRow>& b,
                                 const std::string& metric) {
  std::set<RunPlace> of_b, common;
  for (const auto& row : b)
    if (std::isfinite(row.metric(metric))) of_b.insert(row.place());
  for (const auto& row : a)
    if (std::isfinite(row.metric(metric)) && of_b.contains(row.place())) common.insert(row.place());
  return common;
}

const DesignFit& CommonFits::fit(const DesignFit& of_all, const std::set<RunPlace>& places) {
  if (common_places(of_all.rows, of_all.rows, metric_) == places) return of_all;
  const auto [found, is_new] = fits_.try_emplace({of_all.design, places});
  if (is_new) {
    auto rows = of_all.rows;
    std::erase_if(rows, [&](const StudyRow& row) { return !places.contains(row.place()); });
    found->second = fit_design(of_all.design, rows, metric_, options_);
  }
  return found->second;
}

}  // namespace tessera
