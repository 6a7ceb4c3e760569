#include "study/advise.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "study/synthetic_rows_test.h"

namespace tessera {
namespace {

using testing::HasSubstr;

class Advice : public testing::Test {
 protected:
  Advice() : rows_(synthetic_study()) {
    options_.study = (folder_ / ".").string();
    options_.samples = 200;
  }
  nlohmann::json advised() {
    auto json = nlohmann::json::array();
    for (const auto& row : rows_) json.push_back(to_json(row));
    write_json(folder_ / "results.json", json);
    return advise(options_);
  }

  TemporaryFolder folder_;
  std::vector<StudyRow> rows_;
  AdviseOptions options_;
};

TEST_F(Advice, IsTheDesignThatIsBestAtThatComputeWithItsGenerator) {
  options_.train_flops = 4e14;
  const auto json = advised();
  const auto& advice = json["advice"];
  EXPECT_EQ(advice["design"], "crt");
  EXPECT_EQ(advice["generator"], "L");
  EXPECT_EQ(advice["generator_parameters"], 16'000'000);
  EXPECT_EQ(advice["tokenizer_flops"], 4e13);
  EXPECT_EQ(advice["generator_flops"], 3.6e14);
  const double fd = synthetic_law(0.1, -0.6, 0.5).at(7.2e14);
  EXPECT_NEAR(advice["predicted"]["fd"]["value"].get<double>(), fd, 0.05 * fd);
  EXPECT_LE(advice["predicted"]["fd"]["low"], fd);
  EXPECT_GE(advice["predicted"]["fd"]["high"], fd);
  const double nats = synthetic_law(1.5, -0.4, 1).at(7.2e14);
  EXPECT_NEAR(advice["predicted"]["nats_per_token"]["value"].get<double>(), nats, 0.05 * nats);
  EXPECT_FALSE(advice["extrapolates"]);
  EXPECT_TRUE(advice["notes"].empty());
  ASSERT_EQ(advice["nearest_runs"].size(), 3u);
  for (const auto& run : advice["nearest_runs"]) {
    EXPECT_THAT(run["run"].get<std::string>(), HasSubstr("crt-2-"));
    EXPECT_EQ(run["point"], 2);  // 2.96e14
  }
  ASSERT_EQ(json["others"].size(), 2u);
  EXPECT_EQ(json["others"][0]["design"], "plain");
  EXPECT_GT(json["others"][0]["advice_is_better"], 0.9);
}

TEST_F(Advice, ChangesWithTheBudget) {
  options_.train_flops = 4.5e13;  // sixteen begins better than crt
  const auto advice = advised()["advice"];
  EXPECT_EQ(advice["design"], "sixteen");
  EXPECT_EQ(advice["generator"], "S");
}

TEST_F(Advice, SaysWhenItExtrapolates) {
  options_.train_flops =
      4e13 + 10 * 5.12e14;  // the tokenizer's, and ten times the generator's most
  auto advice = advised()["advice"];
  EXPECT_TRUE(advice["extrapolates"]);
  EXPECT_NEAR(advice["times_beyond"].get<double>(), 10, 1e-6);
  EXPECT_THAT(advice["notes"][0].get<std::string>(),
              HasSubstr("10 times more compute of the generator"));
  options_.train_flops = 4.1e13;
  advice = advised()["advice"];
  EXPECT_TRUE(advice["extrapolates"]);
  EXPECT_THAT(advice["notes"][0].get<std::string>(), HasSubstr("4 times less compute"));
}

TEST_F(Advice, SaysWhenItExtrapolatesThoughTheTokenizerTakesNearlyAll) {
  for (auto& row : rows_) row.tokenizer_flops = 1e15;
  options_.train_flops =
      1e15 + 2e12;  // half of the least generator's 4e12, and 99.8% of both stages
  const auto advice = advised()["advice"];
  EXPECT_TRUE(advice["extrapolates"]);
  EXPECT_NEAR(advice["times_beyond"].get<double>(), 2, 1e-6);
  EXPECT_THAT(advice["notes"][0].get<std::string>(), HasSubstr("2 times less compute"));
  options_.train_flops = 1e15 + 2e13;
  EXPECT_FALSE(advised()["advice"]["extrapolates"]);
}

TEST_F(Advice, TakesTheMostComputeOfWhatCouldBeFitted) {
  for (auto& row : rows_)
    if (row.design == "sixteen") {
      row.tokenizer_flops = 9e15;
      row.metrics.erase("fd");
    }
  options_.parameters = 5'000'000;
  const auto json = advised();
  EXPECT_NEAR(json["budget"]["train_flops"].get<double>(), 1.68e14, 1);
  EXPECT_EQ(json["left_out"].size(), 1u);
  EXPECT_FALSE(json["advice"]["extrapolates"]);
}

TEST_F(Advice, KeepsToTheGeneratorAndTheTimeThatAreAllowed) {
  options_.parameters = 5'000'000;
  auto json = advised();
  EXPECT_EQ(json["advice"]["generator"], "M");
  EXPECT_NEAR(json["budget"]["train_flops"].get<double>(), 1.68e14, 1);  // the most of M
  EXPECT_FALSE(json["budget"]["train_flops_given"]);

  options_.parameters = 0;
  options_.ms_per_image = 1.5;
  options_.flops_per_second = 1e11;  // 1e8, 4e8 and 16e8 FLOPs: 1, 4 and 16 ms
  json = advised();
  EXPECT_EQ(json["advice"]["generator"], "S");
  EXPECT_DOUBLE_EQ(json["advice"]["ms_per_image"], 1);

  options_.ms_per_image = 0;
  options_.parameters = 1'000'000'000;
  EXPECT_THAT(advised()["advice"]["notes"][0].get<std::string>(),
              HasSubstr("largest generator measured has 16000000"));
}

TEST_F(Advice, LeavesOutWhatCannotBeFittedOrPaid) {
  for (auto& row : rows_) {
    if (row.design == "crt") row.metrics.erase("fd");
    if (row.design == "sixteen") row.tokenizer_flops = 9e15;
  }
  options_.train_flops = 4e14;
  const auto json = advised();
  EXPECT_EQ(json["advice"]["design"], "plain");
  ASSERT_EQ(json["left_out"].size(), 2u);
  EXPECT_THAT(json["left_out"][0]["why"].get<std::string>(), HasSubstr("0 points"));
  EXPECT_THAT(json["left_out"][1]["why"].get<std::string>(), HasSubstr("tokenizer alone"));
}

TEST_F(Advice, ThatCannotBeGivenIsAnError) {
  const auto error = [&] { return error_of([&] { advised(); }); };
  EXPECT_THAT(error(), HasSubstr("expected --train-flops, --params or --ms-per-image"));
  options_.parameters = 1000;
  EXPECT_THAT(error(), HasSubstr("the smallest has 1000000 parameters"));
  options_ = {.study = options_.study, .train_flops = 1e13, .samples = 10};
  EXPECT_THAT(error(), HasSubstr("tokenizer alone takes 4e+13 FLOPs"));
  options_.train_flops = 1e14;
  options_.metric = "nats_per_token";
  EXPECT_THAT(error(), HasSubstr("cannot tell plain from sixteen"));
  rows_.clear();
  EXPECT_THAT(error(), HasSubstr("no rows yet"));
}

TEST_F(Advice, IsTestedOnTheLargestRuns) {
  options_.back_test = true;
  const auto test = advised()["back_test"];
  EXPECT_EQ(test["summary"]["fd"]["predictions"], 9);  // three designs, three seeds
  EXPECT_GE(test["summary"]["fd"]["inside"], 8);
  EXPECT_LT(test["summary"]["fd"]["median_error"], 0.05);
  for (const auto& each : test["predictions"]) {
    EXPECT_EQ(each["point"], 3);
    EXPECT_NEAR(each["times_beyond"].get<double>(), 2, 1e-6);
  }
}

TEST_F(Advice, OfTheBackTestCountsWhatCameOutWorseThanCheaperRuns) {
  options_.back_test = true;
  for (auto& row : rows_)
    if (row.design == "plain" && row.generator == "L" && row.point == 3 && row.seed == 3)
      row.metrics["fd"] = 9;
  const auto test = advised()["back_test"];
  EXPECT_EQ(test["summary"]["fd"]["predictions"], 9);
  int outside = 0;
  for (const auto& each : test["predictions"])
    if (each["measured"] == 9) outside += !each["inside"].get<bool>();
  EXPECT_EQ(outside, 1);
}

TEST_F(Advice, NamesTheSettingsAndSaysWhatOneSeedLeavesOpen) {
  for (auto& row : rows_)
    row.settings = {{"regularizer.weight", 0.1}, {"generator_training.steps", 8}};
  options_.train_flops = 4e14;
  EXPECT_EQ(advised()["advice"]["settings"], nlohmann::json({{"regularizer.weight", 0.1}}));
  EXPECT_TRUE(advised()["advice"]["notes"].empty());
  std::erase_if(rows_, [](const StudyRow& row) { return row.seed > 1; });
  EXPECT_THAT(advised()["advice"]["notes"].dump(), HasSubstr("one seed was measured"));
}

// What was measured does not enter its own prediction: a jump at the end is found to be outside.
TEST_F(Advice, OfTheBackTestIsBlindToWhatItPredicts) {
  options_.back_test = true;
  const auto before = advised()["back_test"];
  for (auto& row : rows_)
    if (row.generator == "L" && row.point == 3) row.metrics["fd"] *= 0.6;
  const auto after = advised()["back_test"];
  EXPECT_EQ(after["summary"]["fd"]["inside"], 0);
  for (std::size_t i = 0; i < before["predictions"].size(); ++i)
    EXPECT_EQ(after["predictions"][i]["predicted"], before["predictions"][i]["predicted"]);
}

}  // namespace
}  // namespace tessera
