#include <gtest/gtest.h>

#include <fstream>

#include "base/settings.h"
#include "base/testing.h"
#include "tokenizer/tiny_images_test.h"

namespace tessera {
namespace {

// As run_training does it.
Progress::Values take_step(TokenizerTrainer& trainer, std::int64_t step) {
  torch::manual_seed(mix({9, static_cast<std::uint64_t>(step)}));
  return trainer.step(step, true);
}

std::map<std::string, double> terms_after(TokenizerTrainer& trainer, std::int64_t steps) {
  Progress::Values values;
  for (std::int64_t step = 0; step < steps; ++step) values = take_step(trainer, step);
  return {values.begin(), values.end()};
}

TensorMap copy_of(const TensorMap& state) {
  TensorMap copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

void expect_equal(const TensorMap& a, const TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(name))) << name;
}

TEST(AdversarialTraining, AResumedRunIsTheRunThatWasNeverStopped) {
  for (const auto kind : {AdversarialLoss::hinge, AdversarialLoss::non_saturating}) {
    auto recipe = tiny_adversarial_recipe();
    auto& training = recipe.tokenizer_training;
    training.adversarial_loss = kind;
    training.adaptive_weight = kind == AdversarialLoss::hinge;
    training.lecam_weight = 0.01;
    training.decoder_only_fraction = 0.25;
    training.precision = training.adaptive_weight ? Precision::bf16 : Precision::float32;
    recipe.regularizer.weight = 0.1;
    recipe.regularizer.match_flops = false;
    auto whole = tiny_trainer(recipe), first = tiny_trainer(recipe), second = tiny_trainer(recipe);
    for (std::int64_t step = 0; step < 12; ++step) take_step(whole, step);
    for (std::int64_t step = 0; step < 6; ++step) take_step(first, step);
    second.load_state(copy_of(first.state()), "test");
    for (std::int64_t step = 6; step < 12; ++step) take_step(second, step);
    expect_equal(whole.state(), second.state());
  }
}

TEST(AdversarialTraining, TheDiscriminatorsWarmUpLeavesTheTokenizerAlone) {
  auto recipe = tiny_adversarial_recipe();
  recipe.tokenizer_training.adversarial_start = 2;
  recipe.tokenizer_training.discriminator_warmup_steps = 3;
  auto plain = tiny_trainer(tiny_recipe()), trainer = tiny_trainer(recipe);
  const auto fresh = copy_of(without_prefix(trainer.state(), "adversary."));
  terms_after(plain, 2);
  terms_after(trainer, 2);
  expect_equal(fresh, without_prefix(trainer.state(), "adversary."));  // before its start
  for (std::int64_t step = 2; step < 6; ++step) {
    take_step(plain, step);
    take_step(trainer, step);
  }
  // smooth_rise is 0 at its first step, so step 5 still trains the plain tokenizer.
  expect_equal(without_prefix(plain.state(), "model."), without_prefix(trainer.state(), "model."));
  EXPECT_FALSE(
      fresh.at("model.main.0.weight").equal(trainer.state().at("adversary.model.main.0.weight")));
  take_step(plain, 6);
  take_step(trainer, 6);
  EXPECT_FALSE(plain.state()
                   .at("model.decoder.conv_out.weight")
                   .equal(trainer.state().at("model.decoder.conv_out.weight")));
}

TEST(AdversarialTraining, EveryTermIsReported) {
  auto recipe = tiny_adversarial_recipe();
  recipe.tokenizer_training.lecam_weight = 0.01;
  auto trainer = tiny_trainer(recipe);
  const auto terms = terms_after(trainer, 6);
  for (const auto* name : {"l2", "adversarial", "adversarial_weight", "discriminator", "lecam",
                           "real_logits", "fake_logits", "discriminator_accuracy"})
    ASSERT_TRUE(terms.contains(name)) << name;
  EXPECT_DOUBLE_EQ(terms.at("adversarial_weight"), 0.1);
  EXPECT_GT(terms.at("lecam"), 0);
  auto plain = tiny_trainer(tiny_recipe());
  EXPECT_FALSE(terms_after(plain, 2).contains("discriminator"));
  for (const auto& [name, tensor] : plain.state()) EXPECT_FALSE(name.starts_with("adversary"));
}

TEST(AdversarialTraining, TheTermTrainsTheDecoderWhileTheEncoderIsFrozen) {
  auto recipe = tiny_adversarial_recipe();
  recipe.tokenizer_training.decoder_only_fraction = 0.5;
  auto weak = tiny_trainer(recipe);
  recipe.tokenizer_training.adversarial_weight = 10;
  auto strong = tiny_trainer(recipe);
  terms_after(weak, 6);
  strong.load_state(copy_of(weak.state()), "test");
  const auto encoder = weak.state().at("model.encoder.conv_in.weight").clone();
  take_step(weak, 6);
  take_step(strong, 6);
  const auto after = [](const TokenizerTrainer& trainer, const char* name) {
    return trainer.state().at(name);
  };
  EXPECT_TRUE(encoder.equal(after(strong, "model.encoder.conv_in.weight")));
  EXPECT_FALSE(after(weak, "model.decoder.conv_out.weight")
                   .equal(after(strong, "model.decoder.conv_out.weight")));
}

TEST(AdversarialTraining, DamagedCheckpointsAreRefusedByName) {
  auto trainer = tiny_trainer(tiny_adversarial_recipe());
  for (const auto* name : {"watch", "recovery", "adversary.lecam", "adversary.model.main.0.bias",
                           "adversary.optimizer.steps"}) {
    auto state = copy_of(trainer.state());
    state.erase(name);
    EXPECT_NE(error_of([&] { trainer.load_state(state, "file"); }).find("is missing"),
              std::string::npos)
        << name;
  }
}

TEST(AdversarialTraining, LpipsTeachesTheTokenizer) {
  TemporaryFolder folder;
  auto recipe = tiny_recipe();
  recipe.data.image_size = 16;
  auto& training = recipe.tokenizer_training;
  training.perceptual = Perceptual::lpips;
  training.perceptual_weight = 1;
  training.l2_weight = 0;
  recipe.validate();
  torch::manual_seed(3);
  TensorMap weights;
  for (const auto& [name, shape] : Lpips::shapes())  // He's scale where there are inputs to add up
    weights[name] =
        shape.size() == 4 && shape[2] == 3
            ? torch::randn(shape) * std::sqrt(2.0 / (9.0 * static_cast<double>(shape[1])))
            : torch::rand(shape);
  const auto images = std::make_shared<TinyImages>(32);
  TokenizerTrainer trainer(recipe,
                           {.train = images,
                            .valid = images,
                            .data = "blocks",
                            .features = PerceptualNet(Lpips(weights, "some hash"))},
                           5, torch::kCPU);
  const auto before = trainer.validate()["perceptual"].get<double>();
  const auto terms = terms_after(trainer, 12);
  EXPECT_GT(terms.at("perceptual"), 0);
  EXPECT_LT(trainer.validate()["perceptual"].get<double>(), before);
  trainer.write_model(folder / "model");
  const auto extra = read_model_config(folder / "model", "tokenizer").extra;
  EXPECT_EQ(extra["perceptual"], "lpips");
  EXPECT_EQ(extra["features"], "some hash");
}

TEST(AdversarialTraining, ARecipeWithoutItsPerceptualNetworkIsRefused) {
  auto recipe = tiny_recipe();
  recipe.data.image_size = 16;
  recipe.tokenizer_training.perceptual_weight = 1;
  EXPECT_NE(error_of([&] { tiny_trainer(recipe); }).find("train features"), std::string::npos);
  recipe.tokenizer_training.perceptual = Perceptual::lpips;
  EXPECT_NE(error_of([&] { tiny_trainer(recipe); }).find("kind lpips"), std::string::npos);
}

TEST(AdversarialTraining, TheModelFolderSaysWhatJudgedIt) {
  TemporaryFolder folder;
  tiny_trainer(tiny_adversarial_recipe()).write_model(folder / "model");
  const auto extra = read_model_config(folder / "model", "tokenizer").extra;
  EXPECT_EQ(extra["perceptual"], "");
  EXPECT_EQ(extra["features"], "");
  EXPECT_EQ(extra["roll_backs"], 0);
  const auto weights = open_model_weights(folder / "model");
  for (const auto& tensor : weights.tensors())
    EXPECT_FALSE(tensor.name.starts_with("main.")) << tensor.name;
}

}  // namespace
}  // namespace tessera
