#include "training/training_run.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/testing.h"

namespace tessera {
namespace {

/// Counts its steps. Diverges at the steps it is told to, until it has recovered often enough.
class CountingTrainer : public Trainer {
 public:
  std::set<std::int64_t> diverges_at, unhealthy_at;
  std::int64_t recoveries_needed = 1;
  bool has_remedy = true;
  std::vector<std::int64_t> taken;

  Progress::Values step(std::int64_t step, bool) override {
    taken.push_back(step);
    if (diverges_at.contains(step) && recoveries() < recoveries_needed)
      throw Diverged("step " + std::to_string(step));
    counts_[0] += 1;
    return {{"count", counts_[0].item<double>()}};
  }
  nlohmann::json validate() override { return nlohmann::json::object(); }
  TensorMap state() const override { return {{"counts", counts_}}; }
  void load_state(const TensorMap& state, const std::string&) override {
    counts_.copy_(state.at("counts"));
  }
  void write_model(const fs::path&) const override {}
  bool healthy() const override { return has_remedy && !unhealthy_at.contains(steps()); }
  std::string recover(const Diverged&, std::int64_t) override {
    counts_[1] += 1;
    return "something";
  }
  std::int64_t steps() const { return counts_[0].item<std::int64_t>(); }
  std::int64_t recoveries() const { return counts_[1].item<std::int64_t>(); }

 private:
  torch::Tensor counts_ = torch::zeros({2}, torch::kInt64);
};

TrainingRun run_in(const fs::path& folder, std::int64_t steps = 10) {
  return {.stage = "test",
          .folder = folder,
          .quiet = true,
          .steps = steps,
          .log_every = 1,
          .valid_every = 100,
          .checkpoint_every = 3};
}

std::vector<nlohmann::json> lines_of(const fs::path& folder) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(TrainingRun, GoesBackToTheLastCheckpointAtWhichTheTrainerWasHealthy) {
  const TemporaryFolder folder;
  CountingTrainer trainer;
  trainer.diverges_at = {7};
  trainer.unhealthy_at = {6};
  run_training(trainer, run_in(folder / "run"));
  EXPECT_EQ(trainer.taken, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7,  //
                                                      3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(trainer.steps(), 10);
  EXPECT_EQ(trainer.recoveries(), 1);
}

TEST(TrainingRun, TheLogHoldsEachStepOnceAndTheRollBack) {
  const TemporaryFolder folder;
  CountingTrainer trainer;
  trainer.diverges_at = {4};
  run_training(trainer, run_in(folder / "run"));
  std::vector<std::int64_t> steps;
  for (const auto& line : lines_of(folder / "run")) {
    if (line.contains("train")) {
      steps.push_back(line["step"]);
      EXPECT_EQ(line["train"]["count"], line["step"]);
    } else {
      EXPECT_EQ(line["step"], 3);
      EXPECT_EQ(line["roll_back"]["from"], 4);
      EXPECT_EQ(line["roll_back"]["cause"], "training has diverged: step 4");
      EXPECT_EQ(line["roll_back"]["lowered"], "something");
    }
  }
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(TrainingRun, EachRollBackBuildsOnTheOneBefore) {
  const TemporaryFolder folder;
  CountingTrainer trainer;
  trainer.diverges_at = {1, 8};
  trainer.recoveries_needed = 3;
  run_training(trainer, run_in(folder / "run"));
  EXPECT_EQ(trainer.recoveries(), 3);
  EXPECT_EQ(trainer.steps(), 10);
  EXPECT_EQ(std::count(trainer.taken.begin(), trainer.taken.end(), 0), 4);  // from the beginning
}

TEST(TrainingRun, AKilledRunKeepsItsRollBacks) {
  const TemporaryFolder folder;
  auto run = run_in(folder / "run", 6);
  CountingTrainer first, second;
  first.diverges_at = {4};
  run_training(first, run);
  run.steps = 10;
  run.resume = true;
  run_training(second, run);
  EXPECT_EQ(second.recoveries(), 1);
  EXPECT_EQ(second.taken, (std::vector<std::int64_t>{6, 7, 8, 9}));
}

TEST(TrainingRun, WithoutARemedyDivergenceEndsTheRun) {
  const TemporaryFolder folder;
  CountingTrainer trainer;
  trainer.diverges_at = {4};
  trainer.has_remedy = false;
  const auto problem = error_of([&] { run_training(trainer, run_in(folder / "run")); });
  EXPECT_NE(problem.find("training has diverged: step 4; train anew with a lower learning rate"),
            std::string::npos)
      << problem;
  EXPECT_FALSE(fs::exists(folder / "run/training/good.safetensors"));
}

TEST(TrainingRun, ANewRunForgetsTheGoodStateOfAnOlderOne) {
  const TemporaryFolder folder;
  CountingTrainer older;
  run_training(older, run_in(folder / "run"));
  fs::remove(folder / "run/training/checkpoint.safetensors");
  CountingTrainer trainer;
  trainer.diverges_at = {1};
  run_training(trainer, run_in(folder / "run"));
  EXPECT_EQ(trainer.steps(), 10);
  EXPECT_EQ(std::count(trainer.taken.begin(), trainer.taken.end(), 0), 2);
}

}  // namespace
}  // namespace tessera
