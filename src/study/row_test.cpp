#include "study/row.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

StudyRow some_row() {
  return {.run = "g-1",
          .tokenizer_run = "t-1",
          .point = 2,
          .sweeps = {"headline"},
          .design = "CRT 0.1",
          .generator = "4 x 128",
          .seed = 18446744073709551615u,
          .settings = {{"regularizer.weight", 0.1}},
          .tokens_per_image = 64,
          .tokenizer_flops = 1e13,
          .generator_flops = 2e13,
          .metrics = {{"fd", 0.25}},
          .by_position = {2.5, 1.5},
          .samples = "models/g-1/samples-2.png"};
}

TEST(StudyRows, RoundTrip) {
  TemporaryFolder folder;
  write_json(folder / "results.json", nlohmann::json::array({to_json(some_row())}));
  const auto rows = read_rows(folder / ".");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(to_json(rows[0]), to_json(some_row()));
  EXPECT_EQ(rows[0].total_flops(), 3e13);
  EXPECT_EQ(rows[0].metric("fd"), 0.25);
  EXPECT_TRUE(std::isnan(rows[0].metric("psnr")));
}

TEST(StudyRows, ATokenizersGeneratorsOfSeveralSeedsAreOneRow) {
  TemporaryFolder folder;
  const auto row_of = [](const char* run, std::uint64_t generator_seed, double fd) {
    auto row = some_row();
    row.run = run;
    row.generator_seed = generator_seed;
    row.settings["generator_training.steps"] = 600;
    row.metrics["fd"] = fd;
    row.by_position = {fd, 2 * fd};
    return row;
  };
  auto later = row_of("g-3", 3, 7), other = row_of("g-4", 3, 8);
  later.settings["generator_training.steps"] = 1200;
  other.tokenizer_run = "t-2";
  auto json = nlohmann::json::array();
  for (const auto& each : {row_of("g-1", 3, 1), later, row_of("g-2", 1003, 2), other})
    json.push_back(to_json(each));
  write_json(folder / "results.json", json);
  const auto rows = read_rows(folder / ".");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].run, "g-1");
  EXPECT_EQ(rows[0].metric("fd"), 1.5);
  EXPECT_THAT(rows[0].by_position, testing::ElementsAre(1.5, 3));
  EXPECT_EQ(rows[1].metric("fd"), 7);
  EXPECT_EQ(rows[2].metric("fd"), 8);
}

TEST(StudyRows, OlderRowsAreOfOneGeneratorEach) {
  auto json = to_json(some_row());
  json.erase("generator_seed");
  json.erase("fd_halves");
  const auto row = row_from_json(json, "row 0");
  EXPECT_EQ(row.generator_seed, row.seed);
  EXPECT_TRUE(row.fd_halves.empty());
}

TEST(StudyRows, RefuseWhatIsMissingOrOfAnotherKind) {
  auto json = to_json(some_row());
  json["point"] = "two";
  EXPECT_THAT(error_of([&] { row_from_json(json, "row 0"); }),
              HasSubstr("row 0: point is \"two\""));
  json.erase("point");
  EXPECT_THAT(error_of([&] { row_from_json(json, "row 0"); }), HasSubstr("holds no point"));
  TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { read_rows(folder / "."); }), HasSubstr("results.json"));
  write_json(folder / "results.json", {{"a", 1}});
  EXPECT_THAT(error_of([&] { read_rows(folder / "."); }), HasSubstr("not a list"));
}

}  // namespace
}  // namespace tessera
