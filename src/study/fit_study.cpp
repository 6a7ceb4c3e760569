#include "study/fit_study.h"

#include <algorithm>
#include <cmath>

#include "base/version.h"
#include "study/compare_designs.h"
#include "study/design_fits.h"
#include "study/iso_flops.h"
#include "study/pareto.h"

namespace tessera {
namespace {

constexpr int kCurvePlaces = 48;

// At places that are even on a logarithmic axis of the generator's measured compute.
nlohmann::json curve_json(const DesignCurve& curve) {
  auto places = nlohmann::json::array();
  for (int i = 0; i < kCurvePlaces; ++i) {
    const double lowest = curve.lowest_generator_flops();
    const double flops =
        lowest * std::pow(curve.highest_generator_flops() / lowest, i / (kCurvePlaces - 1.0));
    auto place = to_json(curve.value_at(curve.tokenizer_flops + flops));
    place["flops"] = curve.tokenizer_flops + flops;
    place["generator_flops"] = flops;
    places.push_back(place);
  }
  return places;
}

class StudyFit {
 public:
  explicit StudyFit(const FitOptions& options)
      : options_(options), rows_(read_rows(options.study)) {
    about_ = made_by(options.seed);
    about_["samples"] = options.samples;
  }

  nlohmann::json run() {
    for (const auto& metric : kFittedMetrics) add_metric(metric);
    return {{"about", about_},          {"fits", fits_},     {"not_fitted", not_fitted_},
            {"iso_flops", iso_flops_},  {"pareto", pareto_}, {"ratios", ratios_},
            {"crossovers", crossovers_}};
  }

 private:
  void add_metric(const std::string& metric) {
    const BootstrapOptions bootstrap{.samples = options_.samples, .seed = options_.seed};
    const auto designs = fit_designs(rows_, metric, bootstrap);
    for (const auto& design : designs) {
      add_fit(design, metric);
      add_iso_flops(design, metric);
    }
    const auto comparisons = compare_designs(designs, metric, bootstrap);
    ratios_.insert(ratios_.end(), comparisons.ratios.begin(), comparisons.ratios.end());
    crossovers_.insert(crossovers_.end(), comparisons.crossovers.begin(),
                       comparisons.crossovers.end());
    add_pareto(metric);
  }

  void add_fit(const DesignFit& design, const std::string& metric) {
    nlohmann::json json = {{"design", design.design},
                           {"metric", metric},
                           {"rows", design.rows.size()},
                           {"points", design.points.size()},
                           {"seeds", design.seeds()}};
    if (!design.curve) {
      json["why"] = design.why_not;
      not_fitted_.push_back(json);
      return;
    }
    const auto& curve = *design.curve;
    json["tokenizer_flops"] = curve.tokenizer_flops;
    json["l_min"] = to_json(curve.fit.l_min());
    json["alpha"] = to_json(curve.fit.alpha());
    json["lambda"] = to_json(curve.fit.lambda());
    json["scatter"] = curve.fit.scatter;
    json["curve"] = curve_json(curve);
    fits_.push_back(json);
  }

  void add_iso_flops(const DesignFit& design, const std::string& metric) {
    for (const double flops : iso_flops_levels(design.rows, metric)) {
      auto curve = nlohmann::json::array();
      const auto places = iso_flops_curve(design.rows, metric, flops);
      for (const auto& place : places)
        curve.push_back({{"generator", place.generator},
                         {"parameters", place.parameters},
                         {"value", place.value},
                         {"seeds", place.seeds}});
      const auto best =
          std::min_element(places.begin(), places.end(),
                           [](const IsoPlace& a, const IsoPlace& b) { return a.value < b.value; });
      iso_flops_.push_back({{"design", design.design},
                            {"metric", metric},
                            {"generator_flops", flops},
                            {"curve", curve},
                            {"best", best->generator}});
    }
  }

  // One front for all rows whose values can be compared.
  void add_pareto(const std::string& metric) {
    std::vector<std::vector<StudyRow>> groups;
    for (const auto& row : rows_) {
      auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& each) {
        return are_comparable(each.front(), row, metric);
      });
      if (group == groups.end()) group = groups.insert(groups.end(), std::vector<StudyRow>{});
      group->push_back(row);
    }
    for (const auto& group : groups) {
      auto front = nlohmann::json::array();
      for (const auto i : pareto_front(group, metric))
        front.push_back({{"flops", group[i].total_flops()},
                         {"value", group[i].metric(metric)},
                         {"run", group[i].run},
                         {"point", group[i].point},
                         {"design", group[i].design},
                         {"generator", group[i].generator}});
      if (front.empty()) continue;
      nlohmann::json json = {{"metric", metric}, {"front", front}};
      if (metric != "fd") {
        json["codebook_size"] = group.front().codebook_size;
        json["tokens_per_image"] = group.front().tokens_per_image;
      }
      pareto_.push_back(json);
    }
  }

  const FitOptions& options_;
  std::vector<StudyRow> rows_;
  nlohmann::json about_;
  nlohmann::json fits_ = nlohmann::json::array(), not_fitted_ = fits_, iso_flops_ = fits_,
                 pareto_ = fits_, ratios_ = fits_, crossovers_ = fits_;
};

}  // namespace

nlohmann::json fit_study(const FitOptions& options) {
  auto json = StudyFit(options).run();
  write_json(fs::path(options.study) / "fits.json", json);
  return json;
}

}  // namespace tessera
