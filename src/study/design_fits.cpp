#include "study/design_fits.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.h"
#include "study/pareto.h"

namespace tessera {
namespace {

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = text.size();
  for (const char letter : text) number = mix({number, static_cast<unsigned char>(letter)});
  return number;
}

void fit_curve(DesignFit& fit, const std::string& metric, const BootstrapOptions& options) {
  fit.points = best_for_compute(fit.rows, metric);
  const double tokenizer = fit.rows.front().tokenizer_flops;
  for (const auto& row : fit.rows)
    if (std::abs(row.tokenizer_flops / tokenizer - 1) > 0.01) {
      fit.why_not = "its tokenizers differ in training FLOPs, so that it is more than one design";
      return;
    }
  auto points = fit.points;
  for (auto& point : points) point.flops -= tokenizer;
  // Streams by name, so that a design's interval does not depend on what else is in the study.
  auto law = fit_scaling_law(
      points, {.samples = options.samples,
               .seed = mix({options.seed, number_of(fit.design), number_of(metric)})});
  fit.why_not = law.why_not;
  if (!law.fitted) return;
  const auto [lowest, highest] =
      std::minmax_element(fit.points.begin(), fit.points.end(),
                          [](const LawPoint& a, const LawPoint& b) { return a.flops < b.flops; });
  fit.curve =
      DesignCurve{fit.design, tokenizer, lowest->flops, highest->flops, std::move(*law.fitted)};
}

}  // namespace

std::vector<LawPoint> best_for_compute(const std::vector<StudyRow>& rows,
                                       const std::string& metric) {
  std::map<std::uint64_t, std::vector<StudyRow>> by_seed;
  for (const auto& row : rows) by_seed[row.seed].push_back(row);
  std::vector<LawPoint> points;
  for (const auto& [seed, of_seed] : by_seed)
    for (const auto i : pareto_front(of_seed, metric))
      points.push_back({of_seed[i].total_flops(), of_seed[i].metric(metric), seed});
  return points;
}

std::vector<DesignFit> fit_designs(const std::vector<StudyRow>& rows, const std::string& metric,
                                   const BootstrapOptions& options) {
  std::vector<DesignFit> fits;
  for (const auto& row : rows) {
    auto fit = std::find_if(fits.begin(), fits.end(),
                            [&](const DesignFit& each) { return each.design == row.design; });
    if (fit == fits.end()) fit = fits.insert(fits.end(), {.design = row.design});
    fit->rows.push_back(row);
  }
  for (auto& fit : fits) fit_curve(fit, metric, options);
  return fits;
}

bool are_comparable(const StudyRow& a, const StudyRow& b, const std::string& metric) {
  if (metric != "nats_per_token" && metric != "bits_per_image") return true;
  return a.codebook_size == b.codebook_size && a.tokens_per_image == b.tokens_per_image;
}

}  // namespace tessera
