#include "study/finding.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

StudyRow row(const std::string& design, std::uint64_t seed, double fd, double psnr = 20,
             const std::string& generator = "S", int steps = 100) {
  return {.sweeps = {"headline"},
          .design = design,
          .generator = generator,
          .seed = seed,
          .settings = {{"generator_training.steps", steps}},
          .metrics = {{"fd", fd}, {"psnr", psnr}},
          .by_position = {fd, fd / 2}};
}

// Of both designs of kRule.
std::vector<StudyRow> rows_of_seeds(std::uint64_t count) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= count; ++seed)
    for (const auto* design : {"plain", "CRT"}) rows.push_back(row(design, seed, 1));
  return rows;
}

const FindingRule kRule{
    .name = "n", .statement = "s", .design = "CRT", .reference = {"plain"}, .at_equal = {}};

TEST(MeanIntervals, AreStudents) {
  // By hand: mean 2, deviation 1, 4.303 / sqrt(3).
  const auto found = mean_interval({1, 2, 3});
  EXPECT_DOUBLE_EQ(found.value, 2);
  EXPECT_NEAR(found.high - found.value, 4.303 / std::sqrt(3.0), 1e-12);
  EXPECT_THAT(error_of([] { mean_interval({1}); }), HasSubstr("two values"));
}

TEST(Findings, PairBySeedGeneratorAndSteps) {
  // Seeds differ far more than designs do: pairing shows the difference of -0.1, +-0.02.
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto base = static_cast<double>(seed);
    for (const int steps : {100, 200}) {
      rows.push_back(row("plain", seed, base + 10.0 / steps, 20, "S", steps));
      rows.push_back(row("CRT", seed, base + 10.0 / steps - 0.1 + 0.01 * base, 20, "S", steps));
    }
  }
  const auto found = decide(kRule, rows, {});
  EXPECT_EQ(found["verdict"], "reproduced");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), -0.08, 1e-12);
  EXPECT_EQ(found["numbers"][0]["pairs"], 3);
  auto rule = kRule;
  rule.margin = 0.2;
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "not reproduced");
  rule.margin = 0.08;
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "not decidable at this scale");
  rule.margin = 0;
  rule.expect = Expected::higher;
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "not reproduced");
  rule.where.steps = 300;
  EXPECT_THAT(decide(rule, rows, {})["why"].get<std::string>(), HasSubstr("0 seeds"));
  rule = kRule;
  rule.sweep = "other";
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "not decidable at this scale");
}

TEST(Findings, CompareWithSeveralReferencesAtEqualMetric) {
  // At 21 dB the line through the plain designs is at 0.4; CRT has 0.3. Outside of them nothing is
  // compared.
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    rows.push_back(row("plain", seed, 0.5, 22));
    rows.push_back(row("plain-256", seed, 0.3, 20));
    rows.push_back(row("CRT", seed, 0.3 + 1e-3 * static_cast<double>(seed), 21));
  }
  auto rule = kRule;
  rule.reference = {"plain", "plain-256"};
  rule.at_equal = "psnr";
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "reproduced");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), -0.098, 1e-12);
  for (auto& one : rows)
    if (one.design == "CRT") one.metrics["psnr"] = 25;
  const auto outside = decide(rule, rows, {});
  EXPECT_EQ(outside["verdict"], "not decidable at this scale");
  EXPECT_THAT(outside["why"].get<std::string>(), HasSubstr("psnr: seed 1 (S, 25)"));
}

TEST(Findings, AnInteractionIsADifferenceOfDifferences) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const double noise = 1e-3 * static_cast<double>(seed);
    rows.push_back(row("plain", seed, 1.0, 20, "S"));
    rows.push_back(row("CRT", seed, 0.7 + noise, 20, "S"));
    rows.push_back(row("plain", seed, 0.5, 20, "L"));
    rows.push_back(row("CRT", seed, 0.6, 20, "L"));
  }
  auto rule = kRule;
  rule.kind = FindingKind::interaction;
  rule.where.generator = "S";
  rule.against.generator = "L";
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "reproduced");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), -0.398, 1e-12);
}

TEST(Findings, AnInteractionPairsWhatEachSeedHasOfBoth) {
  // What CRT gains is 0 everywhere, but S has seeds 1 and 2 and L has seeds 2 and 3.
  std::vector<StudyRow> rows;
  for (const std::uint64_t seed : {1, 2}) {
    rows.push_back(row("plain", seed, static_cast<double>(seed), 20, "S"));
    rows.push_back(row("CRT", seed, static_cast<double>(2 * seed), 20, "S"));
  }
  for (const std::uint64_t seed : {2, 3}) {
    rows.push_back(row("plain", seed, static_cast<double>(seed), 20, "L"));
    rows.push_back(row("CRT", seed, static_cast<double>(2 * seed), 20, "L"));
  }
  auto rule = kRule;
  rule.kind = FindingKind::interaction;
  rule.where.generator = "S";
  rule.against.generator = "L";
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "not decidable at this scale");
  EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("1 seed has"));
}

TEST(Findings, AnInteractionMayBeBetweenDesigns) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const double noise = 1e-3 * static_cast<double>(seed);
    rows.push_back(row("plain, 5k", seed, 1.0));
    rows.push_back(row("CRT, 5k", seed, 0.7 + noise));
    rows.push_back(row("plain", seed, 0.5));
    rows.push_back(row("CRT", seed, 0.6));
  }
  FindingRule rule = kRule;
  rule.kind = FindingKind::interaction;
  rule.design = "CRT, 5k";
  rule.reference = {"plain, 5k"};
  rule.against.design = "CRT";
  rule.against.reference = "plain";
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "reproduced");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), -0.398, 1e-12);
  EXPECT_THAT(found["rule"].get<std::string>(), HasSubstr("less CRT minus plain in all rows"));
}

TEST(Findings, PositionsAreThoseOfTheDesignAndNotOfTheWholeStudy) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    rows.push_back(row("plain", seed, 1.0));
    rows.push_back(row("CRT", seed, 0.7 + 1e-3 * static_cast<double>(seed)));
    rows.push_back(row("256 tokens", seed, 1.0));
    rows.back().by_position.assign(256, 1.0);
  }
  for (auto& one : rows) one.metrics["unigram_entropy"] = one.design == "CRT" ? 0.9 : 1.0;
  auto rule = kRule;
  rule.kind = FindingKind::positions;
  rule.metric = "predictability";
  rule.expect = Expected::higher;
  // By hand: 1 - 1 against 0.9 - 0.702, and 1 - 0.5 against 0.9 - 0.351.
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "reproduced");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), (0.198 + 0.049) / 2, 1e-12);
  EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("2 of 2 positions"));
}

TEST(Findings, SeedsAreComparedWhereEveryOneOfThemHasRows) {
  // L loses, S gains; seed 3 has no L, and would count as another kind of seed.
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    for (const std::string generator : {"S", "L"}) {
      if (seed == 3 && generator == "L") continue;
      const double gain = generator == "S" ? -0.2 : 0.1;
      rows.push_back(row("plain", seed, 1, 20, generator));
      rows.push_back(row("CRT", seed, 1 + gain + 1e-3 * static_cast<double>(seed), 20, generator));
    }
  auto found = decide(kRule, rows, {});
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), -0.198, 1e-12);
  EXPECT_EQ(found["why"],
            "left out, since not every seed has it: seed 1 (L, 100 steps), seed 2 (L, "
            "100 steps)");
  // A value that is not finite costs its pair, not its seed.
  std::erase_if(rows, [](const StudyRow& one) { return one.seed == 3; });
  rows.back().metrics["fd"] = NAN;  // CRT, L of seed 2
  found = decide(kRule, rows, {});
  EXPECT_EQ(found["numbers"][0]["pairs"], 2);
  EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("not finite: seed 2 (L, 100 steps)"));
  // A partner that is not there is not one that is out of range.
  std::erase_if(rows, [](const StudyRow& one) { return one.design == "plain" && one.seed == 2; });
  EXPECT_THAT(decide(kRule, rows, {})["why"].get<std::string>(),
              testing::AllOf(HasSubstr("1 seed has"), HasSubstr("without a row of plain: seed 2")));
}

TEST(Findings, ARelativeInteractionIsBlindToScale) {
  // CRT is 20% worse with S and with L; L's distances are a fifth of S's.
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    for (const std::string generator : {"S", "L"}) {
      const double fd = (generator == "S" ? 1.5 : 0.3) * (1 + 0.01 * static_cast<double>(seed));
      const double noise = generator == "S" ? 1 + 1e-3 * (static_cast<double>(seed) - 2) : 1;
      rows.push_back(row("plain", seed, fd, 20, generator));
      rows.push_back(row("CRT", seed, 1.2 * fd * noise, 20, generator));
    }
  auto rule = kRule;
  rule.kind = FindingKind::interaction;
  rule.where.generator = "L";
  rule.against.generator = "S";
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "reproduced");  // 0.06 against 0.3
  rule.relative = true;
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "not decidable at this scale");
  EXPECT_NEAR(found["numbers"][0]["value"].get<double>(), 0, 1e-3);
  EXPECT_NEAR(found["numbers"][1]["value"].get<double>(), std::log(1.2), 1e-3);
  EXPECT_LT(found["numbers"][3]["high"].get<double>(), 0);  // as it was without
  EXPECT_THAT(found["rule"].get<std::string>(), HasSubstr("ln of fd of CRT"));
}

TEST(Findings, SayWhyThereIsNoComparisonOfFits) {
  auto rule = kRule;
  rule.kind = FindingKind::crossover;
  const auto rows = rows_of_seeds(2);
  EXPECT_EQ(decide(rule, rows, nlohmann::json::object())["why"], "there is no fits.json");
  const nlohmann::json fits = {
      {"not_fitted", {{{"metric", "fd"}, {"design", "plain"}, {"why", "there are 3 points"}}}}};
  EXPECT_EQ(decide(rule, rows, fits)["why"], "plain was not fitted: there are 3 points");
}

TEST(Findings, ACrossoverIsReadFromTheFits) {
  auto rule = kRule;
  rule.kind = FindingKind::crossover;
  const auto with = [](const char* better, const char* worse, bool decided) {
    return nlohmann::json{{"crossovers",
                           {{{"metric", "fd"},
                             {"design", better},
                             {"reference", worse},
                             {"decided", decided},
                             {"flops", {{"value", 2e12}, {"low", 1e12}, {"high", 3e12}}}}}}};
  };
  const auto rows = rows_of_seeds(2);
  EXPECT_EQ(decide(rule, rows, with("CRT", "plain", true))["verdict"], "reproduced");
  EXPECT_EQ(decide(rule, rows, with("plain", "CRT", true))["verdict"], "not reproduced");
  EXPECT_EQ(decide(rule, rows, with("CRT", "plain", false))["verdict"],
            "not decidable at this scale");
  EXPECT_EQ(decide(rule, rows, with("CRT", "other", true))["verdict"],
            "not decidable at this scale");
  EXPECT_EQ(decide(rule, rows_of_seeds(1), with("CRT", "plain", true))["verdict"],
            "not decidable at this scale");
}

TEST(Findings, PositionsMustAllAgree) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    rows.push_back(row("plain", seed, 1.0));
    rows.push_back(row("CRT", seed, 0.7 + 1e-3 * static_cast<double>(seed)));
  }
  auto rule = kRule;
  rule.kind = FindingKind::positions;
  rule.metric = "nats_per_token";
  EXPECT_EQ(decide(rule, rows, {})["verdict"], "reproduced");
  for (auto& one : rows)
    if (one.design == "CRT") one.by_position[1] = 0.6;
  const auto found = decide(rule, rows, {});
  EXPECT_EQ(found["verdict"], "not decidable at this scale");
  EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("1 of 2 positions"));
}

TEST(Findings, ARatioIsReadFromTheFits) {
  auto rule = kRule;
  rule.kind = FindingKind::ratio;
  const auto with = [](double low) {
    return nlohmann::json{{"ratios",
                           {{{"metric", "fd"},
                             {"design", "CRT"},
                             {"reference", "plain"},
                             {"quality", 0.3},
                             {"at", "middle"},
                             {"ratio", {{"value", 1.1}, {"low", 1.0}, {"high", 1.2}}},
                             {"generator_ratio", {{"value", 2.0}, {"low", low}, {"high", 3.0}}}}}}};
  };
  const auto rows = rows_of_seeds(2);
  EXPECT_EQ(decide(rule, rows, with(1.2))["verdict"], "reproduced");
  EXPECT_EQ(decide(rule, rows, with(0.9))["verdict"], "not decidable at this scale");
  EXPECT_EQ(decide(rule, rows, nlohmann::json::object())["verdict"], "not decidable at this scale");
  const auto of_one = decide(rule, rows_of_seeds(1), with(1.2));
  EXPECT_EQ(of_one["verdict"], "not decidable at this scale");
  EXPECT_THAT(of_one["why"].get<std::string>(), HasSubstr("1 seed has"));
  EXPECT_EQ(of_one["numbers"].size(), 2u);
}

}  // namespace
}  // namespace tessera
