#include "study/finding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/settings.h"
#include "study/paired_rows.h"
#include "study/report_metrics.h"

namespace tessera {
namespace {

constexpr const char* kReproduced = "reproduced";
constexpr const char* kNot = "not reproduced";
constexpr const char* kOpen = "not decidable at this scale";

// The 97.5% point of Student's t (Abramowitz and Stegun 1964, table 26.10), exact to three digits;
// beyond 30 degrees of freedom by their 26.7.5.
double student_t(int freedom) {
  static constexpr double kPoints[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                       2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                       2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                       2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  if (freedom <= 30) return kPoints[freedom - 1];
  const double x = 1.959964;
  return x + (x * x * x + x) / (4.0 * freedom);
}

RowValue value_of(const FindingRule& rule, bool relative) {
  return [&rule, relative](const StudyRow& row) {
    const double value = row.metric(rule.metric);
    return relative ? std::log(value) : value;
  };
}

std::vector<double> values_of(const std::map<std::uint64_t, double>& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) values.push_back(value);
  return values;
}

// Where the interval must lie beyond; 0 and not -0 when there is no margin.
double limit_of(const FindingRule& rule) {
  return rule.expect == Expected::lower ? 0 - rule.margin : rule.margin;
}

const char* verdict_of(const FindingRule& rule, const MeanInterval& found) {
  const bool lower = rule.expect == Expected::lower;
  const double limit = limit_of(rule);
  if (lower ? found.high < limit : found.low > limit) return kReproduced;
  if (lower ? found.low > limit : found.high < limit) return kNot;
  return kOpen;
}

std::string second_design(const FindingRule& rule) {
  return rule.against.design.empty() ? rule.design : rule.against.design;
}
std::vector<std::string> second_references(const FindingRule& rule) {
  if (rule.against.reference.empty()) return rule.reference;
  return {rule.against.reference};
}

std::string rule_text(const FindingRule& rule) {
  std::string text =
      (rule.relative ? "ln of " : "") + rule.metric + " of " + rule.design + " minus that of ";
  for (std::size_t i = 0; i < rule.reference.size(); ++i)
    text += (i ? ", " : "") + rule.reference[i];
  if (!rule.at_equal.empty()) text += " at equal " + rule.at_equal;
  if (rule.kind == FindingKind::ratio)
    return "training compute of the generator that " + rule.reference.front() +
           " takes over what " + rule.design + " takes for the same " + rule.metric +
           ", the middle of what both reach, from the fits: the 95% interval lies above 1";
  if (rule.kind == FindingKind::crossover)
    return "from the fits of " + rule.metric + ": " + rule.design + " is better than " +
           rule.reference.front() +
           " above a compute whose 95% interval is bounded on both sides, and not below it";
  const auto rows = [](const RowFilter& filter) {
    auto words = filter.generator;
    if (filter.steps > 0)
      words += (words.empty() ? "" : ", ") + std::to_string(filter.steps) + " steps";
    return words.empty() ? std::string("all rows") : words;
  };
  if (rule.kind == FindingKind::interaction)
    text += ": in " + rows(rule.where) + " less " +
            (rule.against.design.empty() && rule.against.reference.empty()
                 ? "the same"
                 : second_design(rule) + " minus " + second_references(rule).front()) +
            " in " + rows(rule.against);
  else if (!rule.where.generator.empty() || rule.where.steps > 0)
    text += ", " + rows(rule.where);
  const std::string lies = rule.expect == Expected::lower ? "lies below " : "lies above ";
  text += ", averaged over pairs in each seed; ";
  if (rule.kind == FindingKind::positions)
    text += "at each position of an image the mean over seeds " + lies +
            nlohmann::json(limit_of(rule)).dump() + ", and of all positions together ";
  text += "the 95% interval over seeds " + lies;
  return text + nlohmann::json(limit_of(rule)).dump();
}

nlohmann::json number(const std::string& label, const MeanInterval& found) {
  return {{"label", label},
          {"value", found.value},
          {"low", found.low},
          {"high", found.high},
          {"pairs", found.pairs}};
}

nlohmann::json entry(const FindingRule& rule, const char* verdict, const std::string& why,
                     nlohmann::json numbers = nlohmann::json::array()) {
  return {{"name", rule.name},
          {"statement", rule.statement},
          {"sweep", rule.sweep},
          {"rule", rule_text(rule)},
          {"verdict", verdict},
          {"why", why},
          {"numbers", std::move(numbers)}};
}

std::string short_of_seeds(std::size_t found) {
  return std::to_string(found) + (found == 1 ? " seed has" : " seeds have") +
         " rows to compare, and an interval needs two";
}

// Reasons that there are.
std::string joined(const std::vector<std::string>& reasons) {
  std::string text;
  for (const auto& reason : reasons)
    if (!reason.empty()) text += (text.empty() ? "" : "; ") + reason;
  return text;
}

nlohmann::json decide_difference(const FindingRule& rule, const PairedRows& rows) {
  const auto [by_seed, left_out] = rows.differences(rule.where, value_of(rule, rule.relative));
  const auto values = values_of(by_seed);
  if (values.size() < 2)
    return entry(rule, kOpen, joined({short_of_seeds(values.size()), left_out}));
  const auto found = mean_interval(values);
  auto numbers = nlohmann::json::array(
      {number(rule.relative ? "difference of ln " + rule.metric : "difference", found)});
  return entry(rule, verdict_of(rule, found), left_out, numbers);
}

// Of the seeds that have both differences.
struct Interaction {
  std::vector<double> here, there, both;
  std::string left_out;
};

Interaction interaction_of(const FindingRule& rule, const PairedRows& rows, bool relative) {
  const auto value = value_of(rule, relative);
  const auto here = rows.differences(rule.where, value);
  const auto there =
      rows.differences(rule.against, second_design(rule), second_references(rule), value);
  Interaction found;
  for (const auto& [seed, difference] : here.by_seed) {
    const auto other = there.by_seed.find(seed);
    if (other == there.by_seed.end()) continue;
    found.here.push_back(difference), found.there.push_back(other->second);
    found.both.push_back(difference - other->second);
  }
  found.left_out = joined({here.left_out, there.left_out});
  return found;
}

nlohmann::json decide_interaction(const FindingRule& rule, const PairedRows& rows) {
  const auto found = interaction_of(rule, rows, rule.relative);
  if (found.both.size() < 2)
    return entry(rule, kOpen, joined({short_of_seeds(found.both.size()), found.left_out}));
  const auto both = mean_interval(found.both);
  const std::string of = rule.relative ? ", of ln " + rule.metric : "";
  auto numbers = nlohmann::json::array({number("difference of the differences" + of, both),
                                        number("where" + of, mean_interval(found.here)),
                                        number("against" + of, mean_interval(found.there))});
  if (rule.relative)
    numbers.push_back(number("difference of the differences, of " + rule.metric + " itself",
                             mean_interval(interaction_of(rule, rows, false).both)));
  return entry(rule, verdict_of(rule, both), found.left_out, numbers);
}

// Every position must point the claimed way, and the mean over positions beyond doubt.
nlohmann::json decide_positions(const FindingRule& rule, const PairedRows& rows) {
  const auto positions = rows.positions();
  const bool nats = rule.metric == "nats_per_token";
  const auto at = [nats](const StudyRow& row, std::size_t position) {
    if (position >= row.by_position.size()) return std::numeric_limits<double>::quiet_NaN();
    return nats ? row.by_position[position]
                : row.metric("unigram_entropy") - row.by_position[position];
  };
  int agree = 0;
  double weakest = INFINITY;
  const double sign = rule.expect == Expected::lower ? -1 : 1;
  for (std::size_t position = 0; position < positions; ++position) {
    const auto values = values_of(
        rows.differences(rule.where, [&](const StudyRow& row) { return at(row, position); })
            .by_seed);
    if (values.size() < 2) return entry(rule, kOpen, short_of_seeds(values.size()));
    const double mean = mean_interval(values).value;
    agree += sign * mean > rule.margin;
    weakest = std::min(weakest, sign * mean);
  }
  if (positions == 0) return entry(rule, kOpen, "no row holds the loss by position");
  const auto [by_seed, left_out] = rows.differences(rule.where, [&](const StudyRow& row) {
    double sum = 0;
    for (std::size_t position = 0; position < positions; ++position) sum += at(row, position);
    return sum / static_cast<double>(positions);
  });
  const auto overall = mean_interval(values_of(by_seed));
  const auto beyond = verdict_of(rule, overall);
  const bool every = agree == static_cast<int>(positions);
  const char* verdict = every ? beyond : (beyond == kReproduced ? kOpen : beyond);
  return entry(rule, verdict,
               joined({std::to_string(agree) + " of " + std::to_string(positions) +
                           " positions point this way, the weakest by " + number_text(weakest),
                       left_out}),
               {number("mean over positions", overall)});
}

nlohmann::json fitted_number(const std::string& label, const nlohmann::json& found) {
  return {{"label", label},
          {"value", found.at("value")},
          {"low", found.at("low")},
          {"high", found.at("high")}};
}

// Why a comparison of two designs is not among the fits: one was not fitted, else `otherwise`.
std::string why_not_fitted(const FindingRule& rule, const nlohmann::json& fits,
                           const std::string& otherwise) {
  for (const auto& design : fits.value("not_fitted", nlohmann::json::array()))
    if (design.value("metric", "") == rule.metric &&
        (design.value("design", "") == rule.design ||
         design.value("design", "") == rule.reference.front()))
      return design.value("design", "") + " was not fitted: " + design.value("why", "");
  return fits.empty() ? "there is no fits.json" : otherwise;
}

nlohmann::json decide_ratio(const FindingRule& rule, const nlohmann::json& fits) {
  auto numbers = nlohmann::json::array();
  const char* verdict = kOpen;
  for (const auto& ratio : fits.value("ratios", nlohmann::json::array())) {
    if (ratio.value("metric", "") != rule.metric || ratio.value("design", "") != rule.design ||
        ratio.value("reference", "") != rule.reference.front())
      continue;
    const auto quality = rule.metric + " " + number_text(ratio.at("quality").get<double>());
    for (const auto& [key, of] :
         {std::pair{"generator_ratio", "generator"}, {"ratio", "both stages"}})
      numbers.push_back(fitted_number(quality + ", " + of, ratio.at(key)));
    if (ratio.at("at") != "middle") continue;
    const auto& found = ratio.at("generator_ratio");
    // An end that nothing bounds is null: infinitely much.
    if (!found.at("low").is_number() || found.at("low").get<double>() > 1) verdict = kReproduced;
    if (found.at("high").is_number() && found.at("high").get<double>() < 1) verdict = kNot;
  }
  if (numbers.empty())
    return entry(rule, kOpen, why_not_fitted(rule, fits, "no quality is reached by both fits"));
  return entry(rule, verdict, "", numbers);
}

nlohmann::json decide_crossover(const FindingRule& rule, const nlohmann::json& fits) {
  for (const auto& crossing : fits.value("crossovers", nlohmann::json::array())) {
    const auto better = crossing.value("design", ""), worse = crossing.value("reference", "");
    const bool claimed = better == rule.design && worse == rule.reference.front();
    const bool reversed = worse == rule.design && better == rule.reference.front();
    if (crossing.value("metric", "") != rule.metric || !(claimed || reversed)) continue;
    const auto numbers =
        nlohmann::json::array({fitted_number("FLOPs of both stages", crossing.at("flops"))});
    if (!crossing.at("decided"))
      return entry(rule, kOpen, "the curves meet, but where is not bounded on both sides", numbers);
    return entry(rule, claimed ? kReproduced : kNot, better + " is the better one above it",
                 numbers);
  }
  return entry(
      rule, kOpen,
      why_not_fitted(rule, fits, "one of them is better at both ends of what was measured"));
}

// From fits, whose intervals do not say how seeds differ where there is one.
nlohmann::json decide_from_fits(const FindingRule& rule, const PairedRows& rows,
                                const nlohmann::json& fits) {
  auto found =
      rule.kind == FindingKind::ratio ? decide_ratio(rule, fits) : decide_crossover(rule, fits);
  const auto seeds = rows.differences({}, value_of(rule, false)).by_seed.size();
  if (seeds < 2) found["verdict"] = kOpen, found["why"] = short_of_seeds(seeds);
  return found;
}

}  // namespace

MeanInterval mean_interval(const std::vector<double>& values) {
  const auto count = static_cast<int>(values.size());
  if (count < 2)
    throw Error("an interval needs at least two values, found " + std::to_string(count));
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = student_t(count - 1) * std::sqrt(squares / (count - 1) / count);
  return {mean, mean - half, mean + half, count};
}

namespace {

// As the runs understood it, or, where only what was measured is kept, as it was written.
SweepFile sweep_file_of(const fs::path& study) {
  const auto path = study / "study.json";
  if (!fs::exists(path) && fs::exists(study / "study.toml"))
    return read_sweep_file(study / "study.toml");
  SweepFile file;
  from_json(file, read_json(path), path.string());
  return file;
}

}  // namespace

nlohmann::json decide(const FindingRule& rule, const std::vector<StudyRow>& rows,
                      const nlohmann::json& fits) {
  const PairedRows compared(rule, rows);
  switch (rule.kind) {
    case FindingKind::positions:
      return decide_positions(rule, compared);
    case FindingKind::interaction:
      return decide_interaction(rule, compared);
    case FindingKind::ratio:
    case FindingKind::crossover:
      return decide_from_fits(rule, compared, fits);
    case FindingKind::difference:
      break;
  }
  return decide_difference(rule, compared);
}

nlohmann::json decide_findings(const fs::path& study) {
  const auto file = sweep_file_of(study);
  const auto rows = read_rows(study);
  const auto fits_path = study / "fits.json";
  const auto fits = fs::exists(fits_path) ? read_json(fits_path) : nlohmann::json::object();
  auto findings = nlohmann::json::array();
  for (const auto& rule : file.findings) findings.push_back(decide(rule, rows, fits));
  return findings;
}

}  // namespace tessera
