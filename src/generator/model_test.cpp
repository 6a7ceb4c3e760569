#include "generator/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "generator/tiny_tokens_test.h"
#include "training/op_add_dropout.h"
#include "training/op_cross_entropy.h"
#include "training/op_split_heads.h"
#include "training/weights.h"

namespace tessera {
namespace {

constexpr GeneratorShape kShape = {
    .vocabulary = 12, .classes = 3, .grid_rows = 2, .grid_columns = 3};

// The head starts at zero, so that a fresh model says nothing: give every weight a say.
Transformer random_model(const GeneratorConfig& config, const Dropouts& dropouts = {}) {
  torch::manual_seed(1);
  torch::NoGradGuard no_grad;
  Transformer model(config, kShape, dropouts);
  for (auto& parameter : model->parameters())
    parameter.dim() == 1 ? parameter.uniform_(0.5, 1.5) : parameter.normal_(0, 0.3);
  return model;
}

std::pair<torch::Tensor, torch::Tensor> random_input(std::int64_t rows) {
  torch::manual_seed(2);
  return {torch::randint(0, kShape.classes + 1, {rows}),
          torch::randint(0, kShape.vocabulary, {rows, kShape.positions()})};
}

class EveryForm : public testing::TestWithParam<bool> {
 protected:
  GeneratorConfig config() const {
    auto config = tiny_recipe().generator;
    config.qk_norm = GetParam();
    return config;
  }
};

TEST_P(EveryForm, TensorsHaveLlamaGensNamesAndShapes) {
  std::map<std::string, std::vector<std::int64_t>> expected = {
      {"cls_embedding.embedding_table.weight", {4, 16}},
      {"tok_embeddings.weight", {12, 16}},
      {"norm.weight", {16}},
      {"output.weight", {12, 16}}};
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    expected[layer + "attention.wqkv.weight"] = {48, 16};
    expected[layer + "attention.wo.weight"] = {16, 16};
    expected[layer + "feed_forward.w1.weight"] = {48, 16};
    expected[layer + "feed_forward.w3.weight"] = {48, 16};
    expected[layer + "feed_forward.w2.weight"] = {16, 48};
    expected[layer + "attention_norm.weight"] = {16};
    expected[layer + "ffn_norm.weight"] = {16};
    if (!GetParam()) continue;
    expected[layer + "attention.q_norm.weight"] = {8};
    expected[layer + "attention.k_norm.weight"] = {8};
  }
  std::map<std::string, std::vector<std::int64_t>> found;
  Transformer model(config(), kShape);
  for (const auto& [name, tensor] : tensors_of(*model)) found[name] = tensor.sizes().vec();
  EXPECT_EQ(found, expected);
  EXPECT_EQ(parameter_count(*model), count_parameters(config(), kShape));
}

TEST_P(EveryForm, AFreshModelGivesEveryTokenTheSameChance) {
  Transformer model(config(), kShape);
  const auto [classes, tokens] = random_input(4);
  EXPECT_TRUE(model(classes, tokens).eq(0).all().item<bool>());
}

TEST_P(EveryForm, ALaterTokenNeverChangesAnEarlierLogit) {
  torch::NoGradGuard no_grad;
  auto model = random_model(config());
  const auto [classes, tokens] = random_input(3);
  const auto before = model(classes, tokens);
  for (int changed = 0; changed < kShape.positions(); ++changed) {
    auto other = tokens.clone();
    other.select(1, changed).add_(1).remainder_(kShape.vocabulary);
    const auto difference = (model(classes, other) - before).abs().amax({0, 2});  // [T]
    for (int position = 0; position < kShape.positions(); ++position) {
      const bool sees = position > changed;
      EXPECT_EQ(difference[position].item<float>() > 0, sees) << changed << " -> " << position;
    }
  }
}

TEST_P(EveryForm, TheCachedStepEqualsTheWholeForward) {
  torch::NoGradGuard no_grad;
  auto model = random_model(config());
  const auto [classes, tokens] = random_input(5);
  const auto whole = model(classes, tokens);
  auto cache = model->make_cache(5);
  // float32 sums of at most 48 terms, some 20 of them one after another.
  const double bound = 1e-5 * whole.abs().max().item<double>();
  for (int position = 0; position < kShape.positions(); ++position) {
    const auto logits =
        model->step(position == 0 ? classes : tokens.select(1, position - 1), cache);
    EXPECT_LE((logits - whole.select(1, position)).abs().max().item<double>(), bound) << position;
  }
}

TEST_P(EveryForm, GradientsAgreeWithFiniteDifferences) {
  auto model = random_model(config());
  model->to(torch::kFloat64);
  const auto [classes, tokens] = random_input(4);
  const auto loss = [&, &labels = classes, &codes = tokens] {
    return cross_entropy(model(labels, codes).flatten(0, 1), codes.flatten()).mean();
  };
  loss().backward();
  constexpr double kStep = 1e-5;
  for (auto& item : model->named_parameters()) {
    torch::NoGradGuard no_grad;
    auto weight = item.value();
    const auto direction = torch::randn_like(weight);
    const double predicted = (weight.grad() * direction).sum().item<double>();
    weight.add_(direction, kStep);
    const double above = loss().item<double>();
    weight.sub_(direction, 2 * kStep);
    const double below = loss().item<double>();
    weight.add_(direction, kStep);
    // The error of a central difference: step^2 from the third derivative, 1e-16 / step from
    // rounding.
    EXPECT_NEAR((above - below) / (2 * kStep), predicted, 1e-7 * (1 + std::abs(predicted)))
        << item.key();
  }
}

TEST_P(EveryForm, DropoutActsInTrainingOnly) {
  torch::NoGradGuard no_grad;
  auto model = random_model(config(), {.token = 0.2, .residual = 0.2, .ffn = 0.2});
  const auto [classes, tokens] = random_input(4);
  model->eval();
  const auto calm = model(classes, tokens);
  EXPECT_TRUE(model(classes, tokens).equal(calm));
  model->train();
  torch::manual_seed(3);
  const auto first = model(classes, tokens);
  EXPECT_FALSE(first.equal(calm));
  EXPECT_FALSE(model(classes, tokens).equal(first));
  torch::manual_seed(3);
  EXPECT_TRUE(model(classes, tokens).equal(first));
}

TEST_P(EveryForm, RecomputedBlocksGiveTheSameGradientsBitForBit) {
  auto model = random_model(config(), {.token = 0.2, .residual = 0.2, .ffn = 0.2, .path = 0.5});
  const auto [classes, tokens] = random_input(4);
  const auto gradients = [&, &labels = classes, &codes = tokens](bool again) {
    model->recompute_blocks(again);
    model->zero_grad();
    torch::manual_seed(3);
    cross_entropy(model(labels, codes).flatten(0, 1), codes.flatten()).mean().backward();
    TensorMap all;
    for (const auto& item : model->named_parameters())
      all[item.key()] = item.value().grad().clone();
    return all;
  };
  const auto plain = gradients(false), again = gradients(true);
  for (const auto& [name, gradient] : plain) EXPECT_TRUE(gradient.equal(again.at(name))) << name;
}

INSTANTIATE_TEST_SUITE_P(QkNorm, EveryForm, testing::Bool());

TEST(Rotation, FirstHalfTurnsWithTheRowSecondWithTheColumnAndTheClassIsZero) {
  const GeneratorConfig config{
      .layers = 1, .heads = 2, .dim = 16};            // D = 8: 2 pairs by row, 2 by column
  const auto table = rotation_table(config, kShape);  // [7, 4, 2]
  EXPECT_EQ(table.sizes(), torch::IntArrayRef({7, 4, 2}));
  EXPECT_TRUE(table[0].eq(0).all().item<bool>());
  const auto angle = [&](int position, int pair) {
    return std::atan2(table[position][pair][1].item<double>(),
                      table[position][pair][0].item<double>());
  };
  const int last = 6;  // row 1, column 2; frequencies 1 and 10000^(-1/2)
  EXPECT_NEAR(angle(last, 0), 1.0, 1e-6);
  EXPECT_NEAR(angle(last, 1), 0.01, 1e-6);
  EXPECT_NEAR(angle(last, 2), 2.0, 1e-6);
  EXPECT_NEAR(angle(last, 3), 0.02, 1e-6);
}

// LlamaGen splits a head of n numbers into n / 2 for the row and n / 2 for the column, 25 pairs
// each in the 3B model, with frequencies 10000^(-2 i / (n / 2)).
TEST(Rotation, HeadsOfOneHundredTurnTwentyFivePairsWithEachAxis) {
  const GeneratorConfig config{.layers = 1, .heads = 2, .dim = 200};
  const auto table = rotation_table(config, kShape);
  ASSERT_EQ(table.sizes(), torch::IntArrayRef({7, 50, 2}));
  const auto last = table[6];  // row 1, column 2
  for (int i = 0; i < 25; ++i) {
    const double frequency = std::pow(10000.0, -2.0 * i / 50);
    EXPECT_NEAR(last[i][1].item<double>(), std::sin(frequency), 1e-6) << i;
    EXPECT_NEAR(last[25 + i][1].item<double>(), std::sin(2 * frequency), 1e-6) << i;
  }
}

// The trap of LlamaGen's checkpoints: every token gives the class the score 0, whatever it holds.
TEST(Rotation, TheClassHasZeroQueryAndKey) {
  const GeneratorConfig config{.layers = 1, .heads = 2, .dim = 16};
  const auto rotation = rotation_table(config, kShape).slice(0, 0, kShape.positions());
  torch::manual_seed(1);
  const auto qkv = torch::randn({3, kShape.positions(), 48});
  for (const auto& weight : {torch::Tensor(), torch::ones({8})}) {  // without and with QK-norm
    const auto [query, key, value] = split_heads(qkv, rotation, 2, weight, weight, 1e-5);
    EXPECT_TRUE(query.select(2, 0).eq(0).all().item<bool>());
    EXPECT_TRUE(key.select(2, 0).eq(0).all().item<bool>());
    EXPECT_FALSE(value.select(2, 0).eq(0).any().item<bool>());
    EXPECT_FALSE(key.select(2, 1).eq(0).any().item<bool>());
  }
}

TEST(DropPath, RisesLinearlyFromTheFirstBlockToTheLast) {
  EXPECT_EQ(drop_path_of(0, 5, 0.2), 0);
  EXPECT_DOUBLE_EQ(drop_path_of(1, 5, 0.2), 0.05);
  EXPECT_DOUBLE_EQ(drop_path_of(4, 5, 0.2), 0.2);
  EXPECT_EQ(drop_path_of(0, 1, 0.2), 0);
}

TEST(DropPath, SkipsWholeBranchesOfSomeSequencesInTheLaterBlocks) {
  torch::NoGradGuard no_grad;
  // A block alone, so that a branch can be seen: with both skipped it gives its input back.
  const auto config = tiny_recipe().generator;
  torch::manual_seed(1);
  Block block(config, Dropouts{.path = 0.3});
  constexpr int kSequences = 4000;
  const auto x = torch::randn({1, 2, config.dim}).expand({kSequences, 2, config.dim});
  const auto rotation = rotation_table(config, kShape).slice(0, 1, 3);
  const auto skipped = block(x, rotation).eq(x).flatten(1).all(1).sum().item<double>();
  const double expected = 0.3 * 0.3 * kSequences;  // attention and feed-forward, each by itself
  EXPECT_NEAR(skipped, expected, 4 * std::sqrt(expected));
  block->eval();
  EXPECT_FALSE(block(x, rotation).eq(x).flatten(1).all(1).any().item<bool>());
  // The mean over sequences is what is left alone: kept branches grow by 1 / 0.7.
  const auto branch = torch::ones({kSequences, 3, 2});
  EXPECT_NEAR(drop_samples(branch, 0.3).mean().item<double>(), 1, 4 * std::sqrt(0.3 / 0.7 / 4000));
  EXPECT_EQ(std::get<0>(torch::_unique(drop_samples(branch, 0.3))).size(0), 2);
}

TEST(Presets, BHasLlamaGensTensors) {
  GeneratorConfig config{.qk_norm = false};
  apply_preset(config, "B");
  const GeneratorShape shape{
      .vocabulary = 16384, .classes = 1000, .grid_rows = 16, .grid_columns = 16};
  Transformer model(config, shape);
  const auto tensors = tensors_of(*model);
  EXPECT_EQ(tensors.size(), 7u * 12 + 4);
  EXPECT_EQ(tensors.at("layers.11.feed_forward.w1.weight").sizes(),
            torch::IntArrayRef({2048, 768}));
  EXPECT_EQ(tensors.at("cls_embedding.embedding_table.weight").sizes(),
            torch::IntArrayRef({1001, 768}));
  EXPECT_EQ(parameter_count(*model), count_parameters(config, shape));
  EXPECT_NEAR(tensors.at("tok_embeddings.weight").std().item<double>(), 0.02, 1e-4);
}

}  // namespace
}  // namespace tessera
