// What both trainers share, in the tokenizer's: parts of a batch, recomputation, the average of the
// weights, initial weights; and what is frozen.
#include <gmock/gmock.h>

#include "base/testing.h"
#include "tokenizer/tiny_images_test.h"
#include "tokenizer/tokenizer.h"

namespace tessera {
namespace {

using testing::HasSubstr;

Recipe short_recipe() {
  auto recipe = tiny_recipe();
  auto& training = recipe.tokenizer_training;
  training.steps = 4;
  training.batch_size = 6;
  training.revive_every = 2;
  training.valid_every = training.checkpoint_every = 2;
  return recipe;
}

TokenizerTrainer::Inputs blocks() {
  TokenizerTrainer::Inputs inputs;
  inputs.train = inputs.valid = std::make_shared<TinyImages>(24);
  inputs.data = "blocks";
  return inputs;
}

TensorMap state_after(int steps, const Recipe& recipe, TokenizerTrainer::Inputs inputs = blocks()) {
  TokenizerTrainer trainer(recipe, std::move(inputs), 9, torch::kCPU);
  for (int step = 0; step < steps; ++step) {
    torch::manual_seed(static_cast<std::uint64_t>(step));  // as the loop does
    trainer.step(step, true);
  }
  TensorMap copy;
  for (const auto& [name, tensor] : trainer.state()) copy[name] = tensor.clone();
  return copy;
}

void run(const fs::path& out, const Recipe& recipe, std::int64_t steps, bool resume = false) {
  TokenizerTrainer trainer(recipe, blocks(), 9, torch::kCPU);
  run_training(trainer, {.stage = "tokenizer",
                         .folder = out,
                         .resume = resume,
                         .quiet = true,
                         .seed = 9,
                         .steps = steps,
                         .valid_every = recipe.tokenizer_training.valid_every,
                         .checkpoint_every = recipe.tokenizer_training.checkpoint_every});
}

TensorMap checkpoint(const fs::path& folder) {
  return read_tensors(SafetensorsFile::open(folder / "training/checkpoint.safetensors"));
}

TEST(TokenizerTrainer, PartsOfABatchGiveTheGradientOfTheBatch) {
  auto recipe = short_recipe();
  recipe.tokenizer_training.clip_norm = 1e9;
  const auto whole = without_prefix(state_after(1, recipe), "optimizer.");
  recipe.tokenizer_training.accumulate = 3;
  int compared = 0;
  // The first moment after one step is the gradient, up to a factor.
  for (const auto& [name, gradient] : without_prefix(state_after(1, recipe), "optimizer.")) {
    if (!name.ends_with(".first")) continue;
    const auto& expected = whole.at(name);
    // Sums in another order: some hundred float32 terms. Biases before a norm have no gradient but
    // rounding.
    const double bound = 1e-4 * expected.abs().max().item<double>() + 1e-7;
    EXPECT_LE((gradient - expected).abs().max().item<double>(), bound) << name;
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

TEST(TokenizerTrainer, RecomputedLevelsGiveTheSameRunBitForBit) {
  auto recipe = short_recipe();
  recipe.regularizer.weight = 0.1;
  recipe.regularizer.anneal_steps = 0;
  recipe.tokenizer_training.decoder_only_fraction = 0.4;
  const auto plain = state_after(4, recipe);
  recipe.tokenizer_training.checkpoint_activations = true;
  for (const auto& [name, tensor] : state_after(4, recipe))
    EXPECT_TRUE(tensor.equal(plain.at(name))) << name;
}

TEST(TokenizerTrainer, ResumesBitForBitWithEveryOption) {
  const TemporaryFolder folder;
  auto recipe = short_recipe();
  recipe.tokenizer_training.ema_decay = 0.9;
  recipe.tokenizer_training.accumulate = 2;
  recipe.tokenizer_training.checkpoint_activations = true;
  run(folder / "whole", recipe, 4);
  run(folder / "halves", recipe, 2);
  run(folder / "halves", recipe, 4, true);
  const auto halves = checkpoint(folder / "halves");
  for (const auto& [name, tensor] : checkpoint(folder / "whole"))
    EXPECT_TRUE(tensor.equal(halves.at(name))) << name;
}

TEST(TokenizerTrainer, TheFolderHoldsTheAverageAndTheCheckpointBoth) {
  const TemporaryFolder folder;
  auto recipe = short_recipe();
  run(folder / "plain", recipe, 4);
  recipe.tokenizer_training.ema_decay = 0.9;
  run(folder / "average", recipe, 4);
  const auto state = checkpoint(folder / "average");
  const auto plain = read_tensors(open_model_weights(folder / "plain"));
  int different = 0;
  for (const auto& [name, tensor] : read_tensors(open_model_weights(folder / "average"))) {
    EXPECT_TRUE(state.at("model." + name).equal(plain.at(name))) << name;  // training is the same
    EXPECT_TRUE(state.at("ema.average." + name).equal(tensor)) << name;
    different += !tensor.equal(plain.at(name));
  }
  EXPECT_GT(different, 20);
}

TEST(TokenizerTrainer, StartsFromInitialWeightsCodebookIncluded) {
  const TemporaryFolder folder;
  auto recipe = short_recipe();
  run(folder / "first", recipe, 4);
  const auto first = read_tensors(open_model_weights(folder / "first"));
  auto inputs = blocks();
  inputs.initial = read_initial_weights(folder / "first", "tokenizer");
  recipe.regularizer.weight = 0.1;  // CRT may be added to a plain tokenizer
  recipe.tokenizer_training.learning_rate = 1e-12;
  const auto state = without_prefix(state_after(1, recipe, inputs), "model.");
  ASSERT_EQ(state.size(), first.size());
  for (const auto& [name, tensor] : first)
    EXPECT_LT((state.at(name) - tensor).abs().max().item<double>(), 1e-6) << name;

  recipe.tokenizer.codebook_size = 8;
  recipe.tokenizer.encoder_blocks = 2;
  const auto problem = error_of([&] { TokenizerTrainer(recipe, inputs, 9, torch::kCPU); });
  EXPECT_THAT(problem, HasSubstr("first: tensor '"));
  EXPECT_THAT(problem, HasSubstr("tokenizer.codebook_size is 16 there and 8 in the recipe"));
  EXPECT_THAT(problem, HasSubstr("tokenizer.encoder_blocks is 1 there and 2 in the recipe"));
}

struct FreezeCase {
  FrozenParts frozen;
  std::vector<std::string> prefixes;  // of the tensors that must stay
};

class Frozen : public testing::TestWithParam<FreezeCase> {};

TEST_P(Frozen, PartsStayBitForBitAndTheOthersLearn) {
  auto recipe = short_recipe();
  recipe.tokenizer_training.weight_decay = 0.1;
  auto inputs = blocks();
  inputs.frozen = GetParam().frozen;
  torch::manual_seed(9);  // what the trainer begins with
  VqModel model(recipe.tokenizer);
  const auto before = tensors_of(*model);
  const auto after = without_prefix(state_after(3, recipe, inputs), "model.");
  for (const auto& [name, tensor] : before) {
    const auto& prefixes = GetParam().prefixes;
    const bool stays = std::any_of(prefixes.begin(), prefixes.end(),
                                   [&](const auto& prefix) { return name.starts_with(prefix); });
    EXPECT_EQ(after.at(name).equal(tensor), stays) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Parts, Frozen,
    testing::Values(FreezeCase{{.encoder = true}, {"encoder.", "quant_conv."}},
                    FreezeCase{{.quantizer = true}, {"quantize."}},
                    FreezeCase{{.decoder = true}, {"decoder.", "post_quant_conv."}},
                    FreezeCase{{.encoder = true, .quantizer = true},
                               {"encoder.", "quant_conv.", "quantize."}},
                    FreezeCase{{.encoder = true, .decoder = true},
                               {"encoder.", "quant_conv.", "decoder.", "post_quant_conv."}}));

TEST(TokenizerTrainer, FreezingThatLeavesNothingToLearnIsRefused) {
  const auto problem = [](const FrozenParts& frozen, const Recipe& recipe) {
    auto inputs = blocks();
    inputs.frozen = frozen;
    return error_of([&] { state_after(1, recipe, inputs); });
  };
  auto recipe = short_recipe();
  EXPECT_THAT(problem({true, true, true}, recipe), HasSubstr("nothing would learn"));
  recipe.regularizer.weight = 0.1;
  EXPECT_THAT(problem({.encoder = true}, recipe), HasSubstr("regularizer.weight"));
  recipe = short_recipe();
  recipe.tokenizer_training.decoder_only_fraction = 0.5;
  EXPECT_THAT(problem({.decoder = true}, recipe), HasSubstr("decoder_only_fraction"));
  recipe = short_recipe();
  recipe.tokenizer_training.codebook_weight = 0;
  EXPECT_THAT(problem({.encoder = true, .decoder = true}, recipe), HasSubstr("no loss"));
}

}  // namespace
}  // namespace tessera
