// Every kind of quantizer under the real trainer: resume, freezing, what is written where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/settings.h"
#include "base/testing.h"
#include "tokenizer/tiny_images_test.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

Recipe recipe_with(const std::string& settings) {
  nlohmann::json json = {
      {"data", {{"image_size", 16}}},
      {"tokenizer",
       {{"channels", 32},
        {"multipliers", {1, 1, 1}},
        {"encoder_blocks", 1},
        {"decoder_blocks", 1},
        {"latent_channels", 8},
        {"codebook_size", 24},
        {"code_size", 4}}},
      {"regularizer", {{"weight", 0.1}, {"width", 8}, {"anneal_steps", 2}, {"match_flops", false}}},
      {"tokenizer_training",
       {{"steps", 6},
        {"batch_size", 4},
        {"perceptual_weight", 0},
        {"warmup_steps", 0},
        {"learning_rate", 1e-3},
        {"revive_every", 2},
        {"precision", "float32"}}}};
  json.merge_patch(nlohmann::json::parse(settings));
  return recipe_from_json(json, "test");
}

TokenizerTrainer trainer_of(const Recipe& recipe) {
  TokenizerTrainer::Inputs inputs;
  inputs.train = inputs.valid = std::make_shared<TinyImages>(40);
  return {recipe, inputs, 5, torch::kCPU};
}

// Trains to `steps` in `folder`, from where it is; returns the checkpoint.
TensorMap train(const Recipe& recipe, const fs::path& folder, std::int64_t steps) {
  auto trainer = trainer_of(recipe);
  run_training(trainer, {.stage = "test",
                         .folder = folder,
                         .settings = to_json(recipe),
                         .resume = true,
                         .quiet = true,
                         .seed = 5,
                         .steps = steps,
                         .valid_every = 2});
  return read_tensors(SafetensorsFile::open(folder / "training" / "checkpoint.safetensors"));
}

class QuantizerTraining : public testing::TestWithParam<const char*> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(QuantizerTraining, AResumedRunIsTheRunThatWasNeverStopped) {
  const auto recipe = recipe_with(GetParam());
  const auto whole = train(recipe, folder_ / "whole", 6);
  train(recipe, folder_ / "halves", 3);
  const auto halves = train(recipe, folder_ / "halves", 6);
  ASSERT_EQ(whole.size(), halves.size());
  for (const auto& [name, tensor] : whole) EXPECT_TRUE(tensor.equal(halves.at(name))) << name;
}

TEST_P(QuantizerTraining, ModelFoldersHoldTheCodesAndNothingElseOfTheQuantizer) {
  const auto recipe = recipe_with(GetParam());
  const auto checkpoint = train(recipe, folder_ / "run", 2);
  const auto model = read_tensors(SafetensorsFile::open(folder_ / "run" / "model.safetensors"));
  for (const auto& [name, tensor] : model) {
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
    EXPECT_EQ(name.starts_with("quantize"), name == "quantize.embedding.weight") << name;
  }
  EXPECT_EQ(checkpoint.contains("quantizer.counts"),
            recipe.tokenizer.quantizer == QuantizerKind::ema);
}

TEST_P(QuantizerTraining, CodesAndStatisticsRestWhileOnlyTheDecoderLearns) {
  auto recipe = recipe_with(GetParam());
  recipe.tokenizer_training.decoder_only_fraction = 0.5;
  const auto before = train(recipe, folder_ / "run", 3), after = train(recipe, folder_ / "run", 6);
  for (const auto& [name, tensor] : after) {
    if (!name.starts_with("model.quantize.") && !name.starts_with("quantizer.")) continue;
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  }
  EXPECT_FALSE(
      after.at("model.decoder.conv_out.weight").equal(before.at("model.decoder.conv_out.weight")));
}

TEST_P(QuantizerTraining, MeasuringChangesNothing) {
  auto trainer = trainer_of(recipe_with(GetParam()));
  trainer.step(0, true);
  TensorMap before;
  for (const auto& [name, tensor] : trainer.state()) before[name] = tensor.clone();
  trainer.validate();
  for (const auto& [name, tensor] : trainer.state())
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
}

INSTANTIATE_TEST_SUITE_P(
    , QuantizerTraining,
    testing::Values(
        R"({})", R"({"tokenizer": {"l2_normalised": false, "gradient": "rotation"}})",
        R"({"tokenizer": {"quantizer": "ema"}})",
        R"({"tokenizer": {"quantizer": "ema", "l2_normalised": false, "gradient": "rotation"},
            "tokenizer_training": {"entropy_weight": 0.1, "entropy_temperature": 0.5}})",
        R"({"regularizer": {"loss": "cross_entropy"},
            "tokenizer_training": {"entropy_weight": 0.1}})",
        R"({"tokenizer": {"quantizer": "ema"}, "regularizer": {"loss": "cross_entropy"}})",
        R"({"regularizer": {"target": "quantized", "input": "continuous"}})",
        R"({"regularizer": {"attach": "projection", "order": "shuffled"}})",
        R"({"tokenizer": {"quantizer": "ema"},
            "regularizer": {"attach": "features", "input": "continuous", "reduction": "sum",
                            "variance_normalised": false}})"));

TEST(EmaTraining, StatisticsFollowTheTokensAndRevivalStartsThemAnew) {
  auto recipe = recipe_with(R"({"tokenizer": {"quantizer": "ema", "codebook_decay": 0.5}})");
  recipe.tokenizer_training.revive_every = 0;
  auto trainer = trainer_of(recipe);
  trainer.step(0, false);
  const auto counts = trainer.state().at("quantizer.counts");
  // Every code began with a count of 1; 4 images of 16 tokens were added.
  EXPECT_NEAR(counts.sum().item<double>(), 0.5 * 24 + 0.5 * 64, 1e-3);

  recipe.tokenizer_training.revive_every = 1;
  auto reviving = trainer_of(recipe);
  reviving.step(0, false);
  const auto revived = reviving.state().at("quantizer.counts");
  const auto unused = counts == 0.5;
  ASSERT_TRUE(unused.any().item<bool>());
  EXPECT_TRUE(revived.masked_select(unused).eq(1).all().item<bool>());
  EXPECT_TRUE(torch::equal(revived.masked_select(~unused), counts.masked_select(~unused)));
}

TEST(EmaTraining, RefusesACheckpointWithoutStatistics) {
  const auto ema = recipe_with(R"({"tokenizer": {"quantizer": "ema"}})");
  auto plain = trainer_of(recipe_with("{}"));
  auto trainer = trainer_of(ema);
  EXPECT_THAT(error_of([&] { trainer.load_state(plain.state(), "there"); }),
              HasSubstr("there: tensor 'quantizer.counts' is missing"));
}

}  // namespace
}  // namespace tessera
