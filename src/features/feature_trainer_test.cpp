#include "features/feature_trainer.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace tessera {
namespace {

// Noisy ramps: class c grows brighter towards side c of the image (right, left, ...).
class Ramps : public ImageSet {
 public:
  explicit Ramps(int classes) {
    for (int c = 0; c < classes; ++c) names_.push_back("side" + std::to_string(c));
  }
  std::size_t size() const override { return 200; }
  int label(std::size_t index) const override { return static_cast<int>(index % names_.size()); }
  std::string name(std::size_t index) const override { return "ramp " + std::to_string(index); }
  const std::vector<std::string>& class_names() const override { return names_; }
  void read(std::size_t index, int side, float* pixels) const override {
    Rng rng(mix({index}));
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        for (int c = 0; c < 3; ++c) {
          const float ramp =
              static_cast<float>(label(index) == 0 ? x : y) / static_cast<float>(side);
          *pixels++ = ramp + 0.2f * static_cast<float>(rng.uniform()) - 0.5f;
        }
  }

 private:
  std::vector<std::string> names_;
};

ModelConfig small_config() {
  ModelConfig config;
  config.kind = "features";
  config.recipe.data.image_size = 16;
  config.recipe.data.flip = false;
  return config;
}

FeatureTrainer trainer_on(int classes, int steps) {
  const auto images = std::make_shared<Ramps>(classes);
  return FeatureTrainer(images, images, small_config(), 8,
                        {.steps = steps, .batch_size = 20, .seed = 7}, torch::kCPU);
}

nlohmann::json train(const fs::path& folder, int classes, int steps, bool resume = false) {
  auto trainer = trainer_on(classes, steps);
  return run_training(trainer, {.stage = "features",
                                .folder = folder,
                                .settings = {},
                                .resume = resume,
                                .quiet = true,
                                .seed = 7,
                                .steps = steps,
                                .checkpoint_every = 15});
}

TEST(FeatureTrainer, LearnsClasses) {
  TemporaryFolder folder;
  EXPECT_GT(train(folder / "net", 2, 40)["valid"]["accuracy"].get<double>(), 0.95);
  EXPECT_EQ(read_model_config(folder / "net", "features").extra["task"], "classes");
  EXPECT_EQ(FeatureNet::load(folder / "net", torch::kCPU).feature_size(), 16);
}

TEST(FeatureTrainer, LearnsQuarterTurnsWhereThereIsOneClass) {
  TemporaryFolder folder;
  EXPECT_GT(train(folder / "net", 1, 60)["valid"]["accuracy"].get<double>(), 0.9);
  const auto extra = read_model_config(folder / "net", "features").extra;
  EXPECT_EQ(extra["task"], "rotations");
  EXPECT_EQ(extra["outputs"], 4);
}

TEST(FeatureTrainer, ResumedRunEqualsTheRunThatWasNeverStopped) {
  TemporaryFolder folder;
  constexpr int kSteps = 30, kHalf = 15;
  train(folder / "whole", 2, kSteps);
  auto first = trainer_on(2, kSteps);
  for (int step = 0; step < kHalf; ++step) {
    torch::manual_seed(mix({7, static_cast<std::uint64_t>(step)}));
    first.step(step, false);
  }
  auto second = trainer_on(2, kSteps);
  second.load_state(first.state(), "state");
  for (int step = kHalf; step < kSteps; ++step) {
    torch::manual_seed(mix({7, static_cast<std::uint64_t>(step)}));
    second.step(step, false);
  }
  second.write_model(folder / "halves");
  EXPECT_EQ(model_hash(folder / "whole"), model_hash(folder / "halves"));
}

TEST(TurnImages, TurnsEachByItsOwnQuarters) {
  auto images = torch::tensor({1.f, 2.f, 3.f, 4.f}).view({1, 1, 2, 2}).repeat({4, 3, 1, 1});
  turn_images(images, torch::arange(4));
  const std::vector<std::vector<float>> expected = {
      {1, 2, 3, 4}, {2, 4, 1, 3}, {4, 3, 2, 1}, {3, 1, 4, 2}};
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(torch::equal(images[i][2].flatten(), torch::tensor(expected[i]))) << i;
}

}  // namespace
}  // namespace tessera
