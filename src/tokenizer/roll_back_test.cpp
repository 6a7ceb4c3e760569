#include <gtest/gtest.h>

#include <fstream>

#include "base/settings.h"
#include "base/testing.h"
#include "tokenizer/tiny_images_test.h"

namespace tessera {
namespace {

nlohmann::json run(const Recipe& recipe, const fs::path& folder, std::int64_t steps,
                   bool resume = false) {
  auto trainer = tiny_trainer(recipe);
  return run_training(trainer, {.stage = "tokenizer",
                                .folder = folder,
                                .settings = to_json(recipe),
                                .resume = resume,
                                .quiet = true,
                                .seed = 9,
                                .steps = steps,
                                .log_every = 1,
                                .valid_every = 1000,
                                .checkpoint_every = 20});
}

std::vector<nlohmann::json> lines_of(const fs::path& folder) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

std::vector<nlohmann::json> roll_backs_of(const fs::path& folder) {
  std::vector<nlohmann::json> found;
  for (const auto& line : lines_of(folder))
    if (line.contains("roll_back")) found.push_back(line);
  return found;
}

TensorMap checkpoint_of(const fs::path& folder) {
  return read_tensors(SafetensorsFile::open(folder / "training/checkpoint.safetensors"));
}

// A learning rate at which the loss explodes, but not once it has been halved a few times.
Recipe absurd_rate() {
  auto recipe = tiny_recipe();
  recipe.tokenizer_training.steps = 100;
  recipe.tokenizer_training.learning_rate = 1;
  return recipe;
}

Recipe absurd_adversarial_weight() {
  auto recipe = tiny_adversarial_recipe();
  recipe.tokenizer_training.steps = 100;
  recipe.tokenizer_training.adversarial_weight = 5;
  recipe.tokenizer_training.adversarial_anneal_steps = 0;
  recipe.tokenizer_training.discriminator_warmup_steps = 50;
  return recipe;
}

void expect_recovered(const Recipe& recipe, const std::string& cause) {
  const TemporaryFolder folder;
  const auto result = run(recipe, folder / "run", 100);
  EXPECT_EQ(result["steps"], 100);
  EXPECT_TRUE(std::isfinite(result["valid"]["psnr"].get<double>()));
  const auto roll_backs = roll_backs_of(folder / "run");
  ASSERT_GE(roll_backs.size(), 1u);
  ASSERT_LE(roll_backs.size(), 5u);
  for (std::size_t i = 0; i < roll_backs.size(); ++i) {
    const auto& event = roll_backs[i]["roll_back"];
    EXPECT_EQ(event["lowered"],
              cause + " x " + nlohmann::json(std::pow(0.5, static_cast<double>(i + 1))).dump());
    EXPECT_NE(event["cause"].get<std::string>().find("diverged"), std::string::npos);
    EXPECT_LT(roll_backs[i]["step"], event["from"]);
  }
  for (const auto& line : lines_of(folder / "run")) {
    const auto terms = line.value("train", nlohmann::json::object());
    for (const auto& [name, value] : terms.items())
      EXPECT_TRUE(value.is_number()) << name << line;  // NaN would be null: JSON has none
  }
  const auto extra = read_model_config(folder / "run", "tokenizer").extra;
  EXPECT_EQ(extra["roll_backs"], roll_backs.size());
}

TEST(RollBack, AnAbsurdLearningRateIsHalvedUntilTrainingWorks) {
  expect_recovered(absurd_rate(), "learning rates");
}

TEST(RollBack, AnAbsurdAdversarialWeightIsHalvedUntilTrainingWorks) {
  expect_recovered(absurd_adversarial_weight(), "adversarial_weight");
}

TEST(RollBack, AResumedRunRollsBackAsTheRunThatWasNeverStopped) {
  const TemporaryFolder folder;
  const auto recipe = absurd_adversarial_weight();
  run(recipe, folder / "whole", 100);
  ASSERT_GE(roll_backs_of(folder / "whole").size(), 1u);
  for (const int steps : {40, 60, 80, 100})
    run(recipe, folder / "parts", steps, /*resume=*/steps > 40);
  const auto whole = checkpoint_of(folder / "whole"), parts = checkpoint_of(folder / "parts");
  ASSERT_EQ(whole.size(), parts.size());
  for (const auto& [name, tensor] : whole) EXPECT_TRUE(tensor.equal(parts.at(name))) << name;
  const auto good = [&](const char* name) {
    return read_tensors(SafetensorsFile::open(folder / name / "training/good.safetensors"));
  };
  EXPECT_TRUE(good("whole").at("watch").equal(good("parts").at("watch")));
}

TEST(RollBack, GivesUpAfterAsManyAsTheRecipeAllows) {
  const TemporaryFolder folder;
  auto recipe = absurd_rate();
  recipe.tokenizer_training.learning_rate = 1e6;
  recipe.tokenizer_training.roll_backs = 2;
  const auto problem = error_of([&] { run(recipe, folder / "run", 100); });
  EXPECT_NE(problem.find("diverged"), std::string::npos) << problem;
  EXPECT_NE(problem.find("after 2 roll-backs"), std::string::npos) << problem;
  EXPECT_EQ(roll_backs_of(folder / "run").size(), 2u);
}

TEST(RollBack, AnEncoderWhoseOutputIsNotFiniteHasDiverged) {
  auto trainer = tiny_trainer(tiny_recipe());
  trainer.step(0, false);
  auto state = trainer.state();
  for (auto& [name, tensor] : state)
    if (name.ends_with("encoder.conv_in.weight")) tensor = torch::full_like(tensor, std::nan(""));
  trainer.load_state(state, "test");
  EXPECT_THROW(trainer.step(1, false), Diverged);
  EXPECT_THROW(trainer.validate(), Diverged);
}

TEST(RollBack, WithoutRollBacksNothingIsKeptAndTheFirstAlarmEndsTheRun) {
  const TemporaryFolder folder;
  auto recipe = absurd_rate();
  recipe.tokenizer_training.roll_backs = 0;
  recipe.tokenizer_training.learning_rate = 1e30;
  const auto problem = error_of([&] { run(recipe, folder / "run", 100); });
  EXPECT_NE(problem.find("has diverged: the output of the encoder is not finite"),
            std::string::npos)
      << problem;
  EXPECT_FALSE(fs::exists(folder / "run/training/good.safetensors"));
}

}  // namespace
}  // namespace tessera
