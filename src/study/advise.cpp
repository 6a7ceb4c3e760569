#include "study/advise.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/version.h"
#include "study/backtest.h"
#include "study/design_fits.h"
#include "study/iso_flops.h"

namespace tessera {
namespace {

constexpr std::size_t kNearestRuns = 3;
constexpr double kSame = 1.01;  // FLOPs within 1% are one level of compute

std::string text_of(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", number);
  return text;
}

double distance(double a, double b) { return std::abs(std::log(a / b)); }

// How the measured compute of a design's generators and the budget's stand to each other. The law
// is of the generator: a tokenizer that takes most of the budget would hide how far it is
// stretched.
struct Reach {
  double lowest = 0, highest = 0, flops = 0;

  double times_beyond() const {
    if (flops > kSame * highest) return flops / highest;
    return flops * kSame < lowest ? lowest / flops : 1;
  }
  std::string words() const {
    if (times_beyond() == 1) return {};
    return text_of(times_beyond()) + (flops > highest ? " times more" : " times less") +
           " compute of the generator than any run that the curve was fitted to";
  }
};

struct Candidate : DesignFit {
  double value = 0;  // of the metric, at the budget's compute
};

class Adviser {
 public:
  explicit Adviser(const AdviseOptions& options)
      : options_(options), all_(read_rows(options.study)) {
    if (all_.empty()) throw Error(options.study + ": results.json holds no rows yet");
    for (const auto& row : all_)
      if (keeps_to_budget(row)) rows_.push_back(row);
    if (rows_.empty()) throw Error(nothing_keeps_to_it());
  }

  nlohmann::json run() {
    rank();
    const auto& best = candidates_.front();
    nlohmann::json json = {{"budget", budget()}, {"metric", options_.metric}};
    json["advice"] = advice_for(best);
    json["others"] = nlohmann::json::array();
    for (std::size_t i = 1; i < candidates_.size(); ++i)
      json["others"].push_back(other(best, candidates_[i]));
    json["left_out"] = left_out_;
    return json;
  }

 private:
  double ms_per_image(const StudyRow& row) const {
    return 1000 * row.sampling_flops_per_image / options_.flops_per_second;
  }
  bool keeps_to_budget(const StudyRow& row) const {
    return (options_.parameters == 0 ||
            static_cast<double>(row.generator_parameters) <= options_.parameters) &&
           (options_.ms_per_image == 0 || ms_per_image(row) <= options_.ms_per_image);
  }
  std::string nothing_keeps_to_it() const {
    auto fewest = all_.front().generator_parameters;
    double fastest = ms_per_image(all_.front());
    for (const auto& row : all_) {
      fewest = std::min(fewest, row.generator_parameters);
      fastest = std::min(fastest, ms_per_image(row));
    }
    return "no measured generator keeps to the budget: the smallest has " + std::to_string(fewest) +
           " parameters, the fastest takes " + text_of(fastest) + " ms an image at " +
           text_of(options_.flops_per_second) + " FLOP/s";
  }

  nlohmann::json budget() const {
    nlohmann::json json = {{"train_flops", flops_},
                           {"train_flops_given", options_.train_flops > 0}};
    if (options_.parameters > 0) json["parameters"] = options_.parameters;
    if (options_.ms_per_image > 0) {
      json["ms_per_image"] = options_.ms_per_image;
      json["flops_per_second"] = options_.flops_per_second;
    }
    return json;
  }

  static double most_fitted(const std::vector<DesignFit>& fits) {
    double most = 0;
    for (const auto& fit : fits)
      if (fit.curve) most = std::max(most, fit.curve->highest_flops);
    return most;
  }

  void leave_out(const std::string& design, const std::string& why) {
    left_out_.push_back({{"design", design}, {"why", why}});
  }

  // Candidates, best first.
  void rank() {
    const BootstrapOptions bootstrap{.samples = options_.samples, .seed = options_.seed};
    const auto fits = fit_designs(rows_, options_.metric, bootstrap);
    flops_ = options_.train_flops > 0 ? options_.train_flops : most_fitted(fits);
    for (const auto& fit : fits) {
      if (!fit.curve)
        leave_out(fit.design, fit.why_not);
      else if (fit.curve->tokenizer_flops >= flops_)
        leave_out(fit.design,
                  "its tokenizer alone takes " + text_of(fit.curve->tokenizer_flops) + " FLOPs");
      else
        candidates_.push_back({fit, fit.curve->at(fit.curve->fit.law, flops_)});
    }
    require_comparable();
    if (candidates_.empty())
      throw Error("no design could be fitted; " + left_out_[0]["design"].get<std::string>() + ": " +
                  left_out_[0]["why"].get<std::string>());
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
  }

  void require_comparable() const {
    for (const auto& fit : candidates_)
      if (!are_comparable(candidates_.front().rows.front(), fit.rows.front(), options_.metric))
        throw Error(options_.metric + " cannot tell " + candidates_.front().design + " from " +
                    fit.design +
                    ", whose tokens per image or codebook differ; expected --metric fd");
  }

  double generator_flops(const DesignFit& fit) const { return flops_ - fit.curve->tokenizer_flops; }

  Reach reach(const DesignFit& fit) const {
    return {fit.curve->lowest_generator_flops(), fit.curve->highest_generator_flops(),
            generator_flops(fit)};
  }

  // The generator that was best at this compute; where no two can be compared, the one that was
  // best at the measured compute next to it.
  StudyRow generator_for(const DesignFit& fit) const {
    const double flops = generator_flops(fit);
    const auto iso = iso_flops_curve(fit.rows, options_.metric, flops);
    const auto best =
        std::min_element(iso.begin(), iso.end(),
                         [](const IsoPlace& a, const IsoPlace& b) { return a.value < b.value; });
    if (iso.size() > 1)
      return *std::find_if(fit.rows.begin(), fit.rows.end(),
                           [&](const StudyRow& row) { return row.generator == best->generator; });
    const auto point = *std::min_element(
        fit.points.begin(), fit.points.end(), [&](const LawPoint& a, const LawPoint& b) {
          return distance(a.flops, flops) < distance(b.flops, flops);
        });
    return *std::find_if(fit.rows.begin(), fit.rows.end(), [&](const StudyRow& row) {
      return row.seed == point.seed && row.generator_flops == point.flops &&
             row.metric(options_.metric) == point.value;
    });
  }

  nlohmann::json predicted(const DesignFit& fit) const {
    auto json = nlohmann::json::object();
    for (const std::string metric : {"fd", "nats_per_token"}) {
      const auto by_metric = metric == options_.metric
                                 ? fit
                                 : fit_design(fit.design, fit.rows, metric,
                                              {.samples = options_.samples, .seed = options_.seed});
      if (by_metric.curve) json[metric] = to_json(by_metric.curve->run_at(flops_));
    }
    if (!json.contains(options_.metric)) json[options_.metric] = to_json(fit.curve->run_at(flops_));
    return json;
  }

  nlohmann::json nearest_runs(const DesignFit& fit, const std::string& generator) const {
    auto rows = fit.rows;
    const double flops = generator_flops(fit);
    std::stable_sort(rows.begin(), rows.end(), [&](const StudyRow& a, const StudyRow& b) {
      if ((a.generator == generator) != (b.generator == generator)) return a.generator == generator;
      return distance(a.generator_flops, flops) < distance(b.generator_flops, flops);
    });
    auto json = nlohmann::json::array();
    for (std::size_t i = 0; i < std::min(kNearestRuns, rows.size()); ++i)
      json.push_back({{"run", rows[i].run},
                      {"point", rows[i].point},
                      {"seed", rows[i].seed},
                      {"generator", rows[i].generator},
                      {"flops", rows[i].total_flops()},
                      {"generator_flops", rows[i].generator_flops},
                      {"metrics", rows[i].metrics}});
    return json;
  }

  // What the sweep varies; the steps follow from the compute.
  static nlohmann::json settings_of(const StudyRow& row) {
    auto settings = row.settings;
    settings.erase("generator_training.steps");
    return settings;
  }

  nlohmann::json advice_for(const DesignFit& fit) const {
    const auto row = generator_for(fit);
    const auto how_far = reach(fit);
    return {{"design", fit.design},
            {"generator", row.generator},
            {"generator_parameters", row.generator_parameters},
            {"tokens_per_image", row.tokens_per_image},
            {"codebook_size", row.codebook_size},
            {"settings", settings_of(row)},
            {"tokenizer_flops", fit.curve->tokenizer_flops},
            {"generator_flops", generator_flops(fit)},
            {"ms_per_image", ms_per_image(row)},
            {"flops_per_second", options_.flops_per_second},
            {"predicted", predicted(fit)},
            {"measured_generator_flops", {how_far.lowest, how_far.highest}},
            {"extrapolates", how_far.times_beyond() > 1},
            {"times_beyond", how_far.times_beyond()},
            {"notes", notes(fit, row)},
            {"nearest_runs", nearest_runs(fit, row.generator)}};
  }

  std::vector<std::string> notes(const DesignFit& fit, const StudyRow& row) const {
    std::vector<std::string> notes;
    if (const auto words = reach(fit).words(); !words.empty())
      notes.push_back("extrapolates: " + words + "; a larger or smaller generator than " +
                      row.generator + " may be better there");
    if (fit.seeds() < 2)
      notes.push_back("one seed was measured: the intervals do not hold how seeds differ");
    std::int64_t most = 0;
    for (const auto& each : all_) most = std::max(most, each.generator_parameters);
    if (options_.parameters > kSame * static_cast<double>(most))
      notes.push_back("the largest generator measured has " + std::to_string(most) +
                      " parameters, so nothing is said of larger ones");
    return notes;
  }

  nlohmann::json other(const DesignFit& best, const DesignFit& fit) const {
    const auto &a = *best.curve, &b = *fit.curve;
    int better = 0;
    for (int i = 0; i < options_.samples; ++i)
      better += a.at(a.fit.samples[i].law, flops_) < b.at(b.fit.samples[i].law, flops_);
    return {{"design", fit.design},
            {"generator", generator_for(fit).generator},
            {"predicted", {{options_.metric, to_json(b.run_at(flops_))}}},
            {"extrapolates", reach(fit).times_beyond() > 1},
            {"advice_is_better", better / static_cast<double>(options_.samples)}};
  }

  const AdviseOptions& options_;
  std::vector<StudyRow> all_, rows_;  // rows_: those that keep to the budget
  double flops_ = 0;
  std::vector<Candidate> candidates_;
  nlohmann::json left_out_ = nlohmann::json::array();
};

}  // namespace

nlohmann::json advise(const AdviseOptions& options) {
  const bool has_budget =
      options.train_flops > 0 || options.parameters > 0 || options.ms_per_image > 0;
  if (!has_budget && !options.back_test)
    throw Error("there is no budget, expected --train-flops, --params or --ms-per-image");
  auto json = has_budget ? Adviser(options).run() : nlohmann::json::object();
  if (options.back_test)
    json["back_test"] = back_test(read_rows(options.study), {"fd", "nats_per_token"},
                                  {.samples = options.samples, .seed = options.seed});
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
