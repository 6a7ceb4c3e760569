#include "study/fit_study.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/version.h"
#include "study/comparison.h"
#include "study/design_fits.h"
#include "study/iso_flops.h"
#include "study/pareto.h"

namespace tessera {
namespace {

constexpr int kCurvePlaces = 48;

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

// At places that are even on a logarithmic axis of the measured compute.
nlohmann::json curve_json(const DesignCurve& curve) {
  auto places = nlohmann::json::array();
  for (int i = 0; i < kCurvePlaces; ++i) {
    const double flops = curve.lowest_flops * std::pow(curve.highest_flops / curve.lowest_flops,
                                                       i / (kCurvePlaces - 1.0));
    auto place = to_json(curve.value_at(flops));
    place["flops"] = flops;
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
    const auto designs =
        fit_designs(rows_, metric, {.samples = options_.samples, .seed = options_.seed});
    for (const auto& design : designs) {
      add_fit(design, metric);
      add_iso_flops(design, metric);
    }
    for (std::size_t i = 0; i < designs.size(); ++i)
      for (std::size_t k = 0; k < i; ++k) {
        const auto &design = designs[i], &reference = designs[k];
        if (!design.curve || !reference.curve || !share_a_sweep(design, reference) ||
            !are_comparable(design.rows.front(), reference.rows.front(), metric))
          continue;
        add_ratios(*design.curve, *reference.curve, metric);
        add_ratios(*reference.curve, *design.curve, metric);
        add_crossover(*design.curve, *reference.curve, metric);
      }
    add_pareto(metric);
  }

  void add_fit(const DesignFit& design, const std::string& metric) {
    nlohmann::json json = {{"design", design.design},
                           {"metric", metric},
                           {"rows", design.rows.size()},
                           {"points", design.points.size()}};
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
                            {"flops", flops},
                            {"curve", curve},
                            {"best", best->generator}});
    }
  }

  // At the worst, the middle and the best quality that both reach.
  void add_ratios(const DesignCurve& design, const DesignCurve& reference,
                  const std::string& metric) {
    const auto range = common_quality(design, reference);
    if (!range) return;
    for (const double quality : {range->worst, std::sqrt(range->worst * range->best), range->best})
      ratios_.push_back({{"metric", metric},
                         {"design", design.design},
                         {"reference", reference.design},
                         {"quality", quality},
                         {"ratio", to_json(compute_ratio(design, reference, quality))}});
  }

  void add_crossover(const DesignCurve& first, const DesignCurve& second,
                     const std::string& metric) {
    const auto crossing = cross_over(first, second);
    if (!crossing) return;
    const bool above = crossing->first_is_better_above;
    crossovers_.push_back({{"metric", metric},
                           {"design", above ? first.design : second.design},
                           {"reference", above ? second.design : first.design},
                           {"flops", to_json(crossing->flops)}});
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
