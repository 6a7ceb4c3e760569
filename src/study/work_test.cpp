#include "study/work.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/processes.h"
#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

// `model`: the hash of the tokenizer, which is made or learnt from.
nlohmann::json result_of(const PlannedRun& run, const std::string& model) {
  nlohmann::json result = {
      {"commit", "c0ffee"},
      {"threads", 1},
      {"tokenizer",
       {{"parameters", 5}, {"training_flops", 1e9}, {"seconds", 1.0}, {"model", model}}},
      {"reconstruction",
       {{"tokens_per_image", 4},
        {"codebook_size", 8},
        {"psnr", model == "made" ? 20.0 : 21.0},
        {"ssim", 0.5},
        {"fd", 0.1},
        {"code_perplexity", 7.0},
        {"unigram_entropy", 2.0}}}};
  for (std::size_t point = 0; point < run.points.size(); ++point)
    result["points"].push_back({{"generator",
                                 {{"parameters", 6},
                                  {"tokenizer", model},
                                  {"train_images", 9},
                                  {"training_flops", 2e9},
                                  {"seconds", 2.0},
                                  {"flops", {{"sampling_per_image_guided", 3e6}}}}},
                                {"likelihood",
                                 {{"nats_per_token", 1.0},
                                  {"predictability", 1.0},
                                  {"bits_per_image", 6.0},
                                  {"by_position", {1.0, 1.0}}}},
                                {"generation",
                                 {{"fd", 0.2},
                                  {"fd_reconstructions", 0.1},
                                  {"precision", 0.5},
                                  {"recall", 0.5},
                                  {"cfg", 1.5}}},
                                {"samples", "samples-" + std::to_string(point) + ".png"}});
  return result;
}

constexpr std::array kTokenizerFiles = {"tokenizer/model.safetensors", "train.safetensors",
                                        "valid.safetensors", "held-out.safetensors",
                                        "stages/reconstruction.json"};

class Working : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "recipe.toml", "[data]\nimage_size = 32\n");
    write_file(folder_ / "sweep.toml",
               "recipe = \"recipe.toml\"\ndata = [\"images\"]\nfeatures = \"f\"\nseeds = [1, 2]\n"
               "points = [10, 20]\n[[sweep]]\nname = \"a\"\n"
               "design = [{name = \"plain\", set = [\"regularizer.weight=0\"]}, "
               "{name = \"CRT\", set = [\"regularizer.weight=0.1\"]}]\n");
    plan_ = make_plan(read_sweep_file(folder_ / "sweep.toml"), {});
  }
  // Every execution leaves a line.
  WorkDone run(int workers, const std::function<void(const PlannedRun&)>& also = {},
               Claim::Seconds expires = Claim::kExpires) {
    return work(plan_, study_,
                {.workers = workers,
                 .quiet = true,
                 .expires = expires,
                 .beat = expires / 12,
                 .execute =
                     [&](const PlannedRun& run) {
                       std::ofstream(folder_ / "executed", std::ios::app) << run.id << std::endl;
                       if (also) also(run);
                       if (run.kind == RunKind::tokenizer)
                         for (const char* name : kTokenizerFiles)
                           write_file(study_.models(run.id) / name, "made");
                       return result_of(run, model_);
                     },
                 .cost =
                     [](const PlannedRun&) {
                       return RunCost{1, 1};
                     }});
  }
  std::vector<std::string> in_order() const {
    std::ifstream file(folder_ / "executed");
    return {std::istream_iterator<std::string>(file), {}};
  }
  std::map<std::string, int> executed() const {
    std::map<std::string, int> times;
    for (const auto& id : in_order()) ++times[id];
    return times;
  }
  TemporaryFolder folder_;
  std::string model_ = "made";  // the hash of every tokenizer
  Plan plan_;
  StudyFolder study_{folder_ / "study"};
};

TEST_F(Working, DoesEveryRunOnceAndWritesItsRows) {
  const auto done = run(2);
  EXPECT_EQ(done.done, 8);
  EXPECT_EQ(done.failed, 0);
  EXPECT_EQ(executed().size(), 8u);
  const auto rows = read_rows(study_.root());
  ASSERT_EQ(rows.size(), 2u * 2 * 2);
  EXPECT_EQ(rows[1].point, 1);
  EXPECT_EQ(rows[1].settings["generator_training.steps"], 20);
  EXPECT_EQ(rows[1].total_flops(), 3e9);
  EXPECT_EQ(rows[1].samples, "models/" + rows[1].run + "/samples-1.png");
  run(1);  // nothing is left
  for (const auto& [id, times] : executed()) EXPECT_EQ(times, 1) << id;
}

TEST_F(Working, OneWorkerGoesByThePlan) {
  run(1);
  std::vector<std::string> planned;
  for (const auto& one : plan_.runs) planned.push_back(one.id);
  EXPECT_EQ(in_order(), planned);
}

// While one worker is at the first tokenizer, the other takes the second; when the first is there,
// its generator goes before the third.
TEST_F(Working, AFreeGeneratorGoesBeforeTheNextTokenizer) {
  const auto id = [&](std::size_t run) { return plan_.runs[run].id; };
  const auto wait_for = [&](const std::string& other) {
    for (int i = 0; i < 200 && !executed().contains(other); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  };
  run(2, [&](const PlannedRun& one) {
    if (one.id == id(0)) wait_for(id(2));
    if (one.id == id(2)) wait_for(id(1));
  });
  const auto order = in_order();
  ASSERT_EQ(order.size(), 8u);
  EXPECT_EQ(std::set(order.begin(), order.begin() + 2), (std::set{id(0), id(2)}));
  EXPECT_EQ(order[2], id(1));
}

TEST_F(Working, AFailureIsRecordedAndOnlyWhatNeedsItIsBlocked) {
  const auto bad = plan_.runs[0].id;
  const auto done = run(2, [&](const PlannedRun& one) {
    if (one.id == bad) throw Error("no such luck");
  });
  EXPECT_EQ(done.done, 6);
  EXPECT_EQ(done.failed, 1);
  EXPECT_EQ(done.blocked, 1);
  EXPECT_THAT(read_json(study_.failure(bad))["error"].get<std::string>(),
              HasSubstr("no such luck"));
  fs::remove(study_.failure(bad));  // tried again
  EXPECT_EQ(run(1).done, 8);
}

TEST_F(Working, SeveralWorkersShareAFolder) {
  const auto slowly = [](const PlannedRun&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  std::vector<Job> workers;
  for (const char* name : {"a", "b", "c"}) workers.push_back({name, [&] { run(2, slowly); }});
  run_in_processes(workers, 3);
  EXPECT_EQ(executed().size(), 8u);
  for (const auto& [id, times] : executed()) EXPECT_EQ(times, 1) << id;
  EXPECT_TRUE(fs::is_empty(study_.root() / "claims"));
  EXPECT_EQ(read_rows(study_.root()).size(), 8u);
}

TEST_F(Working, ARunThatAnotherHasTakenIsGivenUp) {
  catch_interrupts();
  const auto id = plan_.runs[0].id;
  const auto done = run(
      1,
      [&](const PlannedRun& one) {
        if (one.id != id || executed()[id] > 1) return;
        write_file(study_.claim(id), "another");
        for (int i = 0; i < 200; ++i) {  // 20 s, unless it is interrupted
          stop_if_interrupted();
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        ADD_FAILURE() << "was not interrupted";
      },
      Claim::Seconds(2));
  EXPECT_EQ(done.done, 8);
  EXPECT_EQ(executed()[id], 2);  // again, once the other was not heard of
}

TEST_F(Working, WhereOnlyResultsWereKeptATokenizerIsMadeAgainForAnOpenGenerator) {
  run(2);
  fs::remove_all(study_.root() / "models");
  EXPECT_EQ(run(2).done, 8);
  for (const auto& [id, times] : executed()) EXPECT_EQ(times, 1) << id;  // nobody needs them
  const auto generator = plan_.runs[1];
  fs::remove(study_.result(generator.id));
  EXPECT_EQ(run(2).done, 8);
  for (const auto& [id, times] : executed())
    EXPECT_EQ(times, id == generator.id || id == generator.needs.back() ? 2 : 1) << id;
  EXPECT_FALSE(read_json(study_.result(generator.needs.back())).contains("replaced"));
  // It comes out otherwise the next time, which its result says.
  fs::remove_all(study_.root() / "models");
  fs::remove(study_.result(generator.id));
  model_ = "other";
  run(2);
  const auto result = read_json(study_.result(generator.needs.back()));
  EXPECT_EQ(result["tokenizer"]["model"], "other");
  EXPECT_EQ(result["replaced"]["tokenizer"]["model"], "made");
  // It fails the time after that: the generator does not wait for ever.
  fs::remove_all(study_.root() / "models");
  fs::remove(study_.result(generator.id));
  const auto done = run(2, [&](const PlannedRun& run) {
    if (run.id == generator.needs.back()) throw Error("cannot");
  });
  EXPECT_EQ(done.failed, 1);
  EXPECT_EQ(done.blocked, 1);
}

TEST_F(Working, ATokenizerIsMadeAgainWholeAndNotForEver) {
  run(2);
  const auto generator = plan_.runs[1];
  const auto tokenizer = generator.needs.back();
  fs::remove(study_.models(tokenizer) / "train.safetensors");
  fs::remove(study_.result(generator.id));
  EXPECT_EQ(run(1,
                [&](const PlannedRun& one) {
                  if (one.id == tokenizer && fs::exists(study_.models(tokenizer) / "stages"))
                    throw Error("what is missing would not be made");
                })
                .done,
            8);
  fs::remove_all(study_.models(tokenizer));
  fs::remove(study_.result(generator.id));
  const auto done = work(plan_, study_,
                         {.quiet = true,
                          .execute = [&](const PlannedRun& one) { return result_of(one, "made"); },
                          .cost =
                              [](const PlannedRun&) {
                                return RunCost{1, 1};
                              }});
  EXPECT_EQ(done.failed, 1);
  EXPECT_THAT(read_json(study_.failure(tokenizer))["error"].get<std::string>(),
              HasSubstr("without leaving all of its files"));
}

TEST_F(Working, RowsGoByTheTokenizerTheirGeneratorLearntFrom) {
  auto file = read_sweep_file(folder_ / "sweep.toml");
  file.sweeps[0].generators = {{"S", {"generator.layers=2"}}, {"L", {}}};
  plan_ = make_plan(file, {});
  run(2);
  const auto small = plan_.runs[1], large = plan_.runs[2];
  fs::remove_all(study_.root() / "models");
  fs::remove(study_.result(large.id));
  model_ = "other";
  run(2);
  for (const auto& row : read_rows(study_.root()))
    EXPECT_EQ(row.metric("psnr"), row.run == large.id ? 21 : 20) << row.run;
  auto result = read_json(study_.result(small.id));
  result["points"][0]["generator"]["tokenizer"] = "unknown";
  write_json(study_.result(small.id), result);
  EXPECT_THAT(error_of([&] { write_rows(study_, plan_); }),
              HasSubstr("holds no tokenizer unknown"));
}

TEST_F(Working, FeatureNetworksThatComeOutOtherwiseAreRefused) {
  auto file = read_sweep_file(folder_ / "sweep.toml");
  file.features.clear();
  plan_ = make_plan(file, {});
  std::string space = "one";
  const auto features = plan_.runs[0].id;
  const auto all = [&] {
    return work(plan_, study_,
                {.quiet = true,
                 .execute =
                     [&](const PlannedRun& one) {
                       for (const char* name : kTokenizerFiles)
                         write_file(study_.models(one.id) / name, "made");
                       for (const char* name : {"loss", "metric"})
                         write_file(study_.models(one.id) / name / "model.safetensors", space);
                       auto result = result_of(one, "made");
                       result["metric"]["feature_space"] = space;
                       return result;
                     },
                 .cost =
                     [](const PlannedRun&) {
                       return RunCost{0, 1};
                     }});
  };
  EXPECT_EQ(all().done, 9);
  fs::remove_all(study_.models(features));
  fs::remove(study_.result(plan_.runs[2].id));
  space = "another";
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(all().failed, 1);
    EXPECT_THAT(read_json(study_.failure(features))["error"].get<std::string>(),
                HasSubstr("another feature space"));
    fs::remove(study_.failure(features));
  }
  space = "one";
  EXPECT_EQ(all().done, 9);
}

TEST_F(Working, AResultOutweighsAFailure) {
  run(2);
  const auto id = plan_.runs[0].id;
  write_json(study_.failure(id), {{"error", "of one that had lost it"}});
  fs::remove(study_.result(plan_.runs[1].id));
  const auto done = run(1);
  EXPECT_EQ(done.done, 8);
  EXPECT_EQ(done.failed, 0);
}

TEST_F(Working, AnotherWorkersRunIsNotRecordedAsFailed) {
  const auto id = plan_.runs[0].id;
  const auto done = run(
      1,
      [&](const PlannedRun& one) {
        if (one.id != id || executed()[id] > 1) return;
        write_file(study_.claim(id), "another");
        throw Error("its files were not where they had been");
      },
      Claim::Seconds(2));
  EXPECT_EQ(done.failed, 0);
  EXPECT_EQ(done.done, 8);
}

TEST_F(Working, AMetricThatIsNotFiniteIsNotMeasured) {
  run(2);
  const auto path = study_.result(plan_.runs[1].id);
  auto json = read_json(path);
  json["points"][0]["generation"]["fd"] = nullptr;
  json["points"][0]["generation"]["fd_halves"] = {nullptr, 1.0};
  json["points"][1]["generation"]["fd_halves"] = {0.5, 1.0};
  write_json(path, json);
  write_rows(study_, plan_);
  const auto rows = read_rows(study_.root());
  EXPECT_TRUE(std::isnan(rows[0].metric("fd")));
  EXPECT_TRUE(rows[0].fd_halves.empty());
  EXPECT_THAT(rows[1].fd_halves, testing::ElementsAre(0.5, 1.0));
}

TEST_F(Working, RowsWaitForTheirTokenizersResult) {
  run(2);
  fs::remove(study_.result(plan_.runs[0].id));
  write_rows(study_, plan_);
  EXPECT_EQ(read_rows(study_.root()).size(), 3u * 2);
  EXPECT_EQ(run(1).done, 8);
  EXPECT_EQ(read_rows(study_.root()).size(), 4u * 2);
}

TEST_F(Working, AResultThatIsDamagedIsNamed) {
  run(2);
  const auto path = study_.result(plan_.runs[1].id);
  auto json = read_json(path);
  json["points"][0]["generation"].erase("fd");
  write_json(path, json);
  EXPECT_THAT(error_of([&] { write_rows(study_, plan_); }),
              testing::AllOf(HasSubstr(plan_.runs[1].id), HasSubstr("/points/0/generation/fd")));
}

}  // namespace
}  // namespace tessera
