#include "engine/token_transformer.h"

#include <gmock/gmock.h>

#include "engine/tiny_generator_test.h"
#include "kernels/instruction_set.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;
using testing::HasSubstr;

std::vector<std::int32_t> random_tokens(const GeneratorShape& shape, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < shape.positions(); ++i)
    tokens.push_back(
        static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(shape.vocabulary))));
  return tokens;
}

// Logits of sequences that are stepped together, [sequence][T * V].
std::vector<std::vector<float>> step_all(const GeneratorWeights& weights, CacheType cache,
                                         const std::vector<int>& labels,
                                         const std::vector<std::vector<std::int32_t>>& tokens,
                                         ThreadPool& pool) {
  TokenTransformer transformer(weights, cache, labels.size(), pool);
  std::vector<AlignedBuffer> caches;
  for (std::size_t i = 0; i < labels.size(); ++i) caches.emplace_back(transformer.cache_bytes());
  std::vector<std::vector<float>> all(labels.size());
  std::vector<float> logits(labels.size() * transformer.vocabulary());
  for (std::size_t t = 0; t < transformer.positions(); ++t) {
    std::vector<SequenceStep> rows;
    for (std::size_t i = 0; i < labels.size(); ++i)
      rows.push_back({t == 0 ? labels[i] : tokens[i][t - 1], t, caches[i].data()});
    transformer.step(rows, logits.data());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto first = logits.begin() + static_cast<std::ptrdiff_t>(i * transformer.vocabulary());
      all[i].insert(all[i].end(), first,
                    first + static_cast<std::ptrdiff_t>(transformer.vocabulary()));
    }
  }
  return all;
}

// Largest difference over the largest logit.
double relative_error(const std::vector<float>& found,
                      const std::vector<std::vector<double>>& expected) {
  double error = 0, largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double value = expected[i / expected[0].size()][i % expected[0].size()];
    error = std::max(error, std::abs(found[i] - value));
    largest = std::max(largest, std::abs(value));
  }
  return error / largest;
}

class TokenTransformers : public testing::Test {
 protected:
  void SetUp() override { ::setenv("TESSERA_CACHE", "", 1); }
  void TearDown() override {
    kernels::use_instruction_set(kernels::instruction_sets().back());
    ::unsetenv("TESSERA_CACHE");
  }
  GeneratorWeights open(const TinyGenerator& tiny, WeightType type) {
    tiny.write(folder_ / "generator");
    return GeneratorWeights::open(folder_ / "generator", type, pool_);
  }
  TemporaryFolder folder_;
  ThreadPool pool_{2};
};

TEST_F(TokenTransformers, AgreeWithTheDefinitionOnEveryInstructionSet) {
  // Rounding: float32 by half a millionth, bf16 by 2^-9 for each of some ten roundings in a row,
  // int8 and int4 by half a step of their scale.
  const std::vector<std::tuple<WeightType, CacheType, double>> kinds = {
      {WeightType::float32, CacheType::float32, 2e-5},
      {WeightType::bf16, CacheType::bf16, 2e-2},
      {WeightType::int8, CacheType::bf16, 4e-2},
      {WeightType::int8, CacheType::int8, 4e-2},
      {WeightType::int4, CacheType::bf16, 4e-1}};
  for (const bool qk_norm : {true, false}) {
    TinyGenerator tiny;
    tiny = TinyGenerator(
        {.layers = 2, .heads = 3, .dim = 36, .ffn_multiple = 20, .qk_norm = qk_norm}, tiny.shape);
    const auto tokens = random_tokens(tiny.shape, 7);
    const auto expected = tiny.logits(2, tokens);
    for (const auto& [type, cache, bound] : kinds) {
      const auto weights = open(tiny, type);
      for (const auto set : kernels::instruction_sets()) {
        kernels::use_instruction_set(set);
        const auto found = step_all(weights, cache, {2}, {tokens}, pool_);
        EXPECT_LT(relative_error(found[0], expected), bound)
            << name_of(type) << ", " << kernels::name_of(set) << ", QK-norm " << qk_norm;
      }
    }
  }
}

TEST_F(TokenTransformers, AgreeAtManyShapes) {
  const auto check = [&](const GeneratorConfig& config, const GeneratorShape& shape) {
    const TinyGenerator tiny(config, shape);
    const auto weights = open(tiny, WeightType::float32);
    const auto tokens = random_tokens(shape, 3);
    const auto found = step_all(weights, CacheType::float32, {0}, {tokens}, pool_);
    EXPECT_LT(relative_error(found[0], tiny.logits(0, tokens)), 2e-5)
        << config.dim << " channels, " << config.heads << " heads";
  };
  check({.layers = 1, .heads = 1, .dim = 4, .ffn_multiple = 1}, {2, 1, 1, 1});
  check({.layers = 1, .heads = 1, .dim = 100, .ffn_multiple = 32}, {65, 2, 5, 5});
  check({.layers = 1, .heads = 2, .dim = 128, .ffn_multiple = 64}, {200, 1, 8, 8});
  check({.layers = 3, .heads = 4, .dim = 80, .ffn_multiple = 7}, {63, 1, 2, 9});
}

TEST_F(TokenTransformers, ARowDoesNotDependOnItsCompanyOrTheThreads) {
  const TinyGenerator tiny;
  for (const auto type :
       {WeightType::float32, WeightType::bf16, WeightType::int8, WeightType::int4}) {
    const auto weights = open(tiny, type);
    const auto own = random_tokens(tiny.shape, 1);
    const auto alone = step_all(weights, CacheType::bf16, {1}, {own}, pool_);
    for (const std::size_t rows : {2, 5, 13, 65}) {
      std::vector<int> labels;
      std::vector<std::vector<std::int32_t>> tokens;
      for (std::size_t row = 0; row < rows; ++row) {
        labels.push_back(row == rows / 2 ? 1 : static_cast<int>(row % 4));
        tokens.push_back(row == rows / 2 ? own : random_tokens(tiny.shape, 100 + row));
      }
      ThreadPool other(rows % 2 ? 3 : 1);
      EXPECT_EQ(step_all(weights, CacheType::bf16, labels, tokens, other)[rows / 2], alone[0])
          << rows << " rows, " << name_of(type);
    }
  }
}

TEST_F(TokenTransformers, RandomWeightsOfABenchmarkGiveFiniteLogits) {
  const TinyGenerator tiny;
  const auto weights = GeneratorWeights::random(tiny.config, tiny.shape, WeightType::bf16, pool_);
  const auto logits =
      step_all(weights, CacheType::bf16, {0}, {random_tokens(tiny.shape, 1)}, pool_);
  EXPECT_TRUE(all_finite(logits[0]));
}

TEST_F(TokenTransformers, OpenRefusesWhatIsNoGenerator) {
  TinyGenerator tiny;
  const auto refused = [&](const TinyGenerator& model) {
    return error_of([&] { open(model, WeightType::float32); });
  };
  auto wrong = tiny;
  wrong.weights.erase("norm.weight");
  EXPECT_THAT(refused(wrong), HasSubstr("parameters"));
  wrong = tiny;
  wrong.weights["output.weight"][5] = std::nanf("");
  EXPECT_THAT(refused(wrong), AllOf(HasSubstr("output.weight"), HasSubstr("not finite")));
  wrong = tiny;
  wrong.weights["norm.weight"][0] = HUGE_VALF;
  EXPECT_THAT(refused(wrong), AllOf(HasSubstr("norm.weight"), HasSubstr("not finite")));
  wrong = tiny;
  wrong.shapes["output.weight"] = {36, 70};
  EXPECT_THAT(refused(wrong), AllOf(HasSubstr("output.weight"), HasSubstr("[36, 70]")));
}

TEST_F(TokenTransformers, DamagedFilesAreRefusedOrRead) {
  const TinyGenerator tiny;
  tiny.write(folder_ / "generator");
  const auto path = folder_ / "generator/model.safetensors";
  const auto bytes = read_file(path);
  EXPECT_GT(read_damaged(bytes, path, 200,
                         [&] { GeneratorWeights::open(folder_ / "generator", {}, pool_); }),
            100);
}

TEST_F(TokenTransformers, WhatWasPackedOnceIsTheSameTheNextTime) {
  ::setenv("TESSERA_CACHE", (folder_ / "cache").c_str(), 1);
  const TinyGenerator tiny;
  const auto tokens = random_tokens(tiny.shape, 4);
  const auto first = step_all(open(tiny, WeightType::int8), CacheType::bf16, {0}, {tokens}, pool_);
  ASSERT_FALSE(fs::is_empty(folder_ / "cache"));
  const auto again = GeneratorWeights::open(folder_ / "generator", WeightType::int8, pool_);
  EXPECT_EQ(step_all(again, CacheType::bf16, {0}, {tokens}, pool_), first);
  // What was kept and then damaged is packed again.
  for (const auto& entry : fs::directory_iterator(folder_ / "cache"))
    write_file(entry.path(), "junk");
  const auto packed_again = GeneratorWeights::open(folder_ / "generator", WeightType::int8, pool_);
  EXPECT_EQ(step_all(packed_again, CacheType::bf16, {0}, {tokens}, pool_), first);
}

}  // namespace
}  // namespace tessera
