#include "study/design_fits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/random.h"
#include "study/clear_fall.h"
#include "study/pareto.h"

namespace tessera {
namespace {

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = text.size();
  for (const char letter : text) number = mix({number, static_cast<unsigned char>(letter)});
  return number;
}

// The FLOPs of the tokenizer that all rows share, which a fit leaves out; none if they do not.
std::optional<double> tokenizer_flops_of(const std::vector<StudyRow>& rows) {
  const double flops = rows.empty() ? 0 : rows.front().tokenizer_flops;
  for (const auto& row : rows)
    if (std::abs(row.tokenizer_flops - flops) > 0.01 * flops) return std::nullopt;
  return flops;
}

}  // namespace

int DesignFit::seeds() const {
  std::set<std::uint64_t> seeds;
  for (const auto& point : points) seeds.insert(point.seed);
  return static_cast<int>(seeds.size());
}

std::vector<LawPoint> best_for_compute(const std::vector<StudyRow>& rows,
                                       const std::string& metric) {
  std::map<std::uint64_t, std::vector<StudyRow>> by_seed;
  for (const auto& row : rows) by_seed[row.seed].push_back(row);
  std::vector<LawPoint> points;
  for (const auto& [seed, of_seed] : by_seed)
    for (const auto i : pareto_front(of_seed, metric))
      points.push_back({of_seed[i].generator_flops, of_seed[i].metric(metric), seed});
  return points;
}

std::vector<std::pair<std::string, std::vector<StudyRow>>> rows_by_design(
    const std::vector<StudyRow>& rows) {
  std::vector<std::pair<std::string, std::vector<StudyRow>>> designs;
  for (const auto& row : rows) {
    auto found = std::find_if(designs.begin(), designs.end(),
                              [&](const auto& each) { return each.first == row.design; });
    if (found == designs.end()) found = designs.insert(designs.end(), {row.design, {}});
    found->second.push_back(row);
  }
  return designs;
}

DesignFit fit_design(const std::string& design, const std::vector<StudyRow>& rows,
                     const std::string& metric, const BootstrapOptions& options) {
  DesignFit fit{.design = design, .rows = rows, .points = best_for_compute(rows, metric)};
  const auto tokenizer = tokenizer_flops_of(rows);
  if (!tokenizer) {
    fit.why_not = "its tokenizers differ in training FLOPs, so that it is more than one design";
    return fit;
  }
  const auto seed = mix({options.seed, number_of(design), number_of(metric)});
  auto law = fit_scaling_law(fit.points, {.samples = options.samples, .seed = seed});
  fit.why_not = law.why_not;
  if (!law.fitted) return fit;
  if (!falls_beyond_chance(rows, metric, seed)) {
    fit.why_not = "the values do not clearly fall with compute";
    return fit;
  }
  const auto [lowest, highest] =
      std::minmax_element(fit.points.begin(), fit.points.end(),
                          [](const LawPoint& a, const LawPoint& b) { return a.flops < b.flops; });
  fit.curve = DesignCurve{design, *tokenizer, *tokenizer + lowest->flops,
                          *tokenizer + highest->flops, std::move(*law.fitted)};
  return fit;
}

std::vector<DesignFit> fit_designs(const std::vector<StudyRow>& rows, const std::string& metric,
                                   const BootstrapOptions& options) {
  std::vector<DesignFit> fits;
  for (const auto& [design, of_design] : rows_by_design(rows))
    fits.push_back(fit_design(design, of_design, metric, options));
  return fits;
}

bool are_comparable(const StudyRow& a, const StudyRow& b, const std::string& metric) {
  if (metric != "nats_per_token" && metric != "bits_per_image") return true;
  return a.codebook_size == b.codebook_size && a.tokens_per_image == b.tokens_per_image;
}

}  // namespace tessera
