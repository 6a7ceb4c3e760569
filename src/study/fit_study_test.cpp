#include "study/fit_study.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "study/design_fits.h"
#include "study/synthetic_rows_test.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void write_study_rows(const TemporaryFolder& folder, const std::vector<StudyRow>& rows) {
  auto json = nlohmann::json::array();
  for (const auto& row : rows) json.push_back(to_json(row));
  write_json(folder / "results.json", json);
}

FitOptions options_for(const TemporaryFolder& folder) {
  FitOptions options;
  options.study = (folder / ".").string();
  options.samples = 200;
  return options;
}

// The entries of a list of fits.json of one metric, and of a design where one is named.
std::vector<nlohmann::json> entries(const nlohmann::json& list, const std::string& metric,
                                    const std::string& design = {}) {
  std::vector<nlohmann::json> found;
  for (const auto& entry : list)
    if (entry["metric"] == metric && (design.empty() || entry["design"] == design))
      found.push_back(entry);
  return found;
}

TEST(BestForCompute, IsThatOfEachSeedWhicheverGeneratorItIs) {
  auto rows = synthetic_rows({"plain", synthetic_law(0.1, -0.6, 0.5), synthetic_law(1, -0.4, 1)});
  rows[11].metrics["fd"] = 99;  // L's last point of seed 1
  rows[10].metrics.erase("fd");
  const auto points = best_for_compute(rows, "fd");
  double last[4] = {1e9, 1e9, 1e9, 1e9}, most[4] = {};
  for (const auto& point : points) {
    EXPECT_LT(point.value, last[point.seed]);  // by rising compute, each better than the last
    EXPECT_GT(point.flops, most[point.seed]);
    last[point.seed] = point.value, most[point.seed] = point.flops;
  }
  EXPECT_EQ(most[1], rows[9].generator_flops);
  EXPECT_EQ(most[2], rows[23].generator_flops);
}

TEST(FitStudy, FindsLawsRatiosAndCrossOvers) {
  TemporaryFolder folder;
  write_study_rows(folder, synthetic_study());
  const auto json = fit_study(options_for(folder));
  EXPECT_EQ(json, read_json(folder / "fits.json"));
  EXPECT_EQ(json["about"]["samples"], 200);
  EXPECT_EQ(json["fits"].size(), 9u);  // three designs, three metrics
  EXPECT_TRUE(json["not_fitted"].empty());

  const auto plain = entries(json["fits"], "fd", "plain").at(0);
  EXPECT_EQ(plain["rows"], 36);
  EXPECT_EQ(plain["tokenizer_flops"], 4e13);
  EXPECT_NEAR(plain["alpha"]["value"].get<double>(), -0.6, 0.15);
  EXPECT_LE(plain["l_min"]["low"], 0.1);
  EXPECT_GE(plain["l_min"]["high"], 0.1);
  const auto& curve = plain["curve"];
  EXPECT_NEAR(curve.front()["flops"].get<double>() / 4.4e13, 1, 1e-9);
  EXPECT_NEAR(curve.back()["flops"].get<double>() / 5.52e14, 1, 1e-9);
  EXPECT_NEAR(curve.front()["generator_flops"].get<double>() / 4e12, 1, 1e-9);
  EXPECT_NEAR(curve.back()["generator_flops"].get<double>() / 5.12e14, 1, 1e-9);
  for (const auto& place : curve) {
    EXPECT_LE(place["low"], place["value"]);
    EXPECT_GE(place["high"], place["value"]);
  }

  // Half the generator's compute and the same tokenizer: of both stages 1.1 at first, then
  // towards 2.
  auto ratios = entries(json["ratios"], "fd", "crt");
  std::erase_if(ratios, [](const auto& ratio) { return ratio["reference"] != "plain"; });
  ASSERT_EQ(ratios.size(), 3u);
  EXPECT_EQ(entries(json["ratios"], "fd").size(), 18u);  // six ordered pairs
  const std::vector<std::string> at = {ratios[0]["at"], ratios[1]["at"], ratios[2]["at"]};
  EXPECT_THAT(at, ElementsAre("worst", "middle", "best"));
  for (const auto& ratio : ratios) {
    EXPECT_EQ(ratio["generators"], nlohmann::json({"S", "M", "L"}));
    EXPECT_NEAR(ratio["generator_ratio"]["value"].get<double>(), 2, 0.3);
    EXPECT_LE(ratio["generator_ratio"]["low"], 2);
    EXPECT_TRUE(ratio["generator_ratio"]["high"].is_null() ||
                ratio["generator_ratio"]["high"] >= 2);
    const double compute = synthetic_law(0.1, -0.6, 0.5).flops_for(ratio["quality"]);
    const double truth = (4e13 + compute) / (4e13 + compute / 2);
    EXPECT_NEAR(ratio["ratio"]["value"].get<double>(), truth, 0.15 * truth);
    EXPECT_LE(ratio["ratio"]["low"], truth);
    if (ratio["ratio"]["high"].is_null()) continue;
    EXPECT_GE(ratio["ratio"]["high"], truth);
  }

  // 0.15 less at the end against 0.3 more at the beginning: (2 C / 1e13)^0.6 = 2^1.6 for C in 1e13.
  const auto crossings = entries(json["crossovers"], "fd", "plain");
  ASSERT_EQ(crossings.size(), 1u);
  EXPECT_EQ(crossings[0]["reference"], "sixteen");
  EXPECT_TRUE(crossings[0]["decided"]);
  EXPECT_EQ(crossings[0]["generators"], nlohmann::json({"S", "M", "L"}));
  const double truth = 4e13 + 1e13 * std::pow(2, 1 / 0.6);
  EXPECT_NEAR(crossings[0]["flops"]["value"].get<double>(), truth, 0.2 * truth);
}

TEST(FitStudy, ComparesLossesOfTokensOnlyWhereTokensAreAlike) {
  TemporaryFolder folder;
  write_study_rows(folder, synthetic_study());
  const auto json = fit_study(options_for(folder));
  for (const std::string list : {"ratios", "crossovers"})
    for (const auto& entry : json[list])
      if (entry["metric"] != "fd") {
        EXPECT_NE(entry["design"], "sixteen");
        EXPECT_NE(entry["reference"], "sixteen");
      }
  EXPECT_FALSE(entries(json["ratios"], "nats_per_token", "crt").empty());
  EXPECT_EQ(entries(json["pareto"], "fd").size(), 1u);
  const auto fronts = entries(json["pareto"], "nats_per_token");
  ASSERT_EQ(fronts.size(), 2u);
  EXPECT_EQ(fronts[1]["tokens_per_image"], 16);
  for (const auto& place : fronts[1]["front"]) EXPECT_EQ(place["design"], "sixteen");
}

TEST(FitStudy, ComparesDesignsOfOneSweep) {
  TemporaryFolder folder;
  auto rows = synthetic_study();
  for (auto& row : rows)
    if (row.design == "sixteen") row.sweeps = {"tokens"};
  write_study_rows(folder, rows);
  const auto json = fit_study(options_for(folder));
  EXPECT_TRUE(entries(json["crossovers"], "fd").empty());
  EXPECT_TRUE(entries(json["ratios"], "fd", "sixteen").empty());
  EXPECT_FALSE(entries(json["ratios"], "fd", "crt").empty());
}

// S and M are better than L at little compute, so that a fit to all three is another one.
TEST(FitStudy, ComparesDesignsByTheGeneratorsThatBothHave) {
  TemporaryFolder folder;
  const auto law = synthetic_law(0.1, -0.6, 0.5), nats = synthetic_law(1.5, -0.4, 1);
  auto rows = synthetic_rows({"three", law, nats});
  for (const auto& row : synthetic_rows({"only L", law, nats}))
    if (row.generator == "L") rows.push_back(row);
  for (const auto& row : synthetic_rows({"only S", law, nats}))
    if (row.generator == "S") rows.push_back(row);
  write_study_rows(folder, rows);
  const auto json = fit_study(options_for(folder));
  EXPECT_EQ(entries(json["fits"], "fd").size(), 3u);
  auto ratios = entries(json["ratios"], "fd", "only L");
  ASSERT_EQ(ratios.size(), 3u);  // none against "only S"
  for (const auto& ratio : ratios) {
    EXPECT_EQ(ratio["reference"], "three");
    EXPECT_EQ(ratio["generators"], nlohmann::json({"L"}));
    for (const std::string of : {"ratio", "generator_ratio"}) {
      EXPECT_LE(ratio[of]["low"], 1);
      EXPECT_TRUE(ratio[of]["high"].is_null() || ratio[of]["high"] >= 1);
    }
  }
}

// One of them has a second length, at which it is far better: that says nothing of the designs.
TEST(FitStudy, ComparesDesignsByTheStepsThatBothHave) {
  TemporaryFolder folder;
  const auto law = synthetic_law(0.1, -0.6, 0.5), nats = synthetic_law(1.5, -0.4, 1);
  auto rows = synthetic_rows({"two lengths", law, nats});
  for (const auto& row : synthetic_rows({"one length", law, nats})) rows.push_back(row);
  for (auto& row : synthetic_rows({"two lengths", law, nats})) {
    row.settings["generator_training.steps"] = 7;
    row.generator_flops *= 0.7;
    row.metrics["fd"] *= 0.5;
    rows.push_back(row);
  }
  write_study_rows(folder, rows);
  for (const auto& ratio : entries(fit_study(options_for(folder))["ratios"], "fd")) {
    EXPECT_LE(ratio["generator_ratio"]["low"], 1) << ratio;
    EXPECT_TRUE(ratio["generator_ratio"]["high"].is_null() ||
                ratio["generator_ratio"]["high"] >= 1);
  }
}

TEST(FitStudy, OfOneSeedDecidesNoCrossing) {
  TemporaryFolder folder;
  auto rows = synthetic_study();
  std::erase_if(rows, [](const StudyRow& row) { return row.seed > 1; });
  write_study_rows(folder, rows);
  const auto crossings = entries(fit_study(options_for(folder))["crossovers"], "fd", "plain");
  ASSERT_EQ(crossings.size(), 1u);
  EXPECT_EQ(crossings[0]["seeds"], 1);
  EXPECT_FALSE(crossings[0]["decided"]);
}

TEST(FitStudy, FindsTheBestGeneratorForACompute) {
  TemporaryFolder folder;
  write_study_rows(folder, synthetic_study());
  const auto curves = entries(fit_study(options_for(folder))["iso_flops"], "fd", "plain");
  std::map<double, std::string> best;
  for (const auto& curve : curves) best[curve["generator_flops"]] = curve["best"];
  // Two generators were measured from 1.6e13 to 3.2e13 and from 6.4e13 to 1.28e14; S and M are
  // equally off their own compute at 2.26e13, M and L at 9.05e13.
  ASSERT_EQ(best.size(), 7u);
  EXPECT_EQ(best.at(1.6e13), "S");
  EXPECT_EQ(best.at(3.15e13), "M");
  EXPECT_EQ(best.at(8e13), "M");
  EXPECT_EQ(best.at(1.25e14), "L");
  EXPECT_EQ(curves[0]["curve"].size(), 2u);
  EXPECT_EQ(curves[0]["curve"][0]["seeds"], 3);
}

TEST(FitStudy, SaysWhatItCouldNotFit) {
  TemporaryFolder folder;
  auto rows = synthetic_study();
  for (auto& row : rows)
    if (row.design == "sixteen") row.metrics.erase("fd");
  rows.push_back(rows.front());
  rows.back().tokenizer_flops *= 2;
  rows.back().design = rows.front().design;
  write_study_rows(folder, rows);
  const auto json = fit_study(options_for(folder));
  EXPECT_EQ(json["not_fitted"].size(), 4u);
  EXPECT_THAT(entries(json["not_fitted"], "fd", "sixteen").at(0)["why"].get<std::string>(),
              HasSubstr("0 points"));
  EXPECT_THAT(entries(json["not_fitted"], "fd", "plain").at(0)["why"].get<std::string>(),
              HasSubstr("tokenizers differ"));
}

TEST(FitStudy, DependsOnNothingButRowsAndSeed) {
  TemporaryFolder folder;
  auto rows = synthetic_study();
  write_study_rows(folder, rows);
  const auto all = fit_study(options_for(folder));
  EXPECT_EQ(fit_study(options_for(folder)), all);
  std::erase_if(rows, [](const StudyRow& row) { return row.design == "crt"; });
  write_study_rows(folder, rows);
  EXPECT_EQ(entries(fit_study(options_for(folder))["fits"], "fd", "sixteen"),
            entries(all["fits"], "fd", "sixteen"));
}

}  // namespace
}  // namespace tessera
