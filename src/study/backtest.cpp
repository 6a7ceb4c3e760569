#include "study/backtest.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "study/design_fits.h"

namespace tessera {
namespace {

// A design's rows without those of its largest compute, and of these the best of each seed.
struct Split {
  std::vector<StudyRow> kept;
  std::map<std::uint64_t, StudyRow> targets;
};

Split split(const std::vector<StudyRow>& rows, const std::string& metric) {
  double largest = 0;
  for (const auto& row : rows)
    if (std::isfinite(row.metric(metric))) largest = std::max(largest, row.generator_flops);
  Split result;
  for (const auto& row : rows) {
    if (row.generator_flops < 0.99 * largest)
      result.kept.push_back(row);
    else if (std::isfinite(row.metric(metric))) {
      auto& best = result.targets.try_emplace(row.seed, row).first->second;
      if (row.metric(metric) < best.metric(metric)) best = row;
    }
  }
  return result;
}

nlohmann::json prediction(const DesignCurve& curve, const StudyRow& row,
                          const std::string& metric) {
  const double measured = row.metric(metric);
  const auto predicted = curve.run_at(curve.tokenizer_flops + row.generator_flops);
  return {{"design", row.design},
          {"metric", metric},
          {"run", row.run},
          {"point", row.point},
          {"seed", row.seed},
          {"flops", row.total_flops()},
          {"generator_flops", row.generator_flops},
          {"times_beyond", row.generator_flops / curve.highest_generator_flops()},
          {"measured", measured},
          {"predicted", to_json(predicted)},
          {"inside", predicted.low <= measured && measured <= predicted.high}};
}

nlohmann::json summary_of(const nlohmann::json& predictions, const std::string& metric) {
  std::vector<double> errors;
  int inside = 0;
  for (const auto& each : predictions) {
    if (each["metric"] != metric) continue;
    const double predicted = each["predicted"]["value"], measured = each["measured"];
    errors.push_back(std::abs(predicted / measured - 1));
    inside += each["inside"].get<bool>();
  }
  nlohmann::json json = {{"predictions", errors.size()}, {"inside", inside}};
  if (errors.empty()) return json;
  std::sort(errors.begin(), errors.end());
  json["share"] = inside / static_cast<double>(errors.size());
  json["median_error"] = (errors[errors.size() / 2] + errors[(errors.size() - 1) / 2]) / 2;
  return json;
}

}  // namespace

nlohmann::json back_test(const std::vector<StudyRow>& rows, const std::vector<std::string>& metrics,
                         const BootstrapOptions& options) {
  auto predictions = nlohmann::json::array(), left_out = predictions;
  nlohmann::json summary;
  for (const auto& metric : metrics) {
    for (const auto& [design, of_design] : rows_by_design(rows)) {
      const auto [kept, targets] = split(of_design, metric);
      const auto fit = fit_design(design, kept, metric, options);
      if (!fit.curve)
        left_out.push_back({{"design", design}, {"metric", metric}, {"why", fit.why_not}});
      else
        for (const auto& [seed, row] : targets)
          predictions.push_back(prediction(*fit.curve, row, metric));
    }
    summary[metric] = summary_of(predictions, metric);
  }
  return {{"predictions", predictions}, {"left_out", left_out}, {"summary", summary}};
}

}  // namespace tessera
