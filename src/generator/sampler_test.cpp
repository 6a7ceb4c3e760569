#include "generator/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "samples/classes.h"

namespace tessera {
namespace {

constexpr GeneratorShape kSmallShape = {
    .vocabulary = 8, .classes = 3, .grid_rows = 2, .grid_columns = 3};

Transformer random_model() {
  torch::manual_seed(1);
  torch::NoGradGuard no_grad;
  Transformer model(GeneratorConfig{.layers = 2, .heads = 2, .dim = 16, .ffn_multiple = 8},
                    kSmallShape);
  for (auto& parameter : model->parameters())
    if (parameter.dim() == 2) parameter.normal_(0, 0.3);
  return model;
}

SampleRequest request_of(std::size_t images) {
  SampleRequest request;
  for (std::size_t i = 0; i < images; ++i)
    request.labels.push_back(static_cast<std::int64_t>(i % 3));
  request.seed = 5;
  return request;
}

TEST(Sampler, GreedyTakesTheLikeliestTokenAtEveryPosition) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  auto request = request_of(6);
  request.temperature = 0;
  const auto codes = sample_tokens(model, false, request);
  EXPECT_TRUE(codes.equal(model(torch::tensor(request.labels), codes).argmax(-1)));
}

TEST(Sampler, GreedyGuidanceCombinesTheLogitsOfClassAndNullClass) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  auto request = request_of(6);
  request.temperature = 0;
  request.cfg = 2.5;
  const auto codes = sample_tokens(model, false, request);
  const auto cond = model(torch::tensor(request.labels), codes);
  const auto uncond = model(torch::full({6}, kSmallShape.classes, torch::kInt64), codes);
  EXPECT_TRUE(codes.equal((uncond + 2.5 * (cond - uncond)).argmax(-1)));
  EXPECT_FALSE(codes.equal(cond.argmax(-1)));
}

TEST(Sampler, FirstTokensFollowTheModelsDistribution) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  SampleRequest request;
  request.labels.assign(6000, 1);
  request.batch = 1000;
  const auto first = sample_tokens(model, false, request).select(1, 0);
  const auto counts = torch::bincount(first, {}, kSmallShape.vocabulary).to(torch::kFloat64);
  const auto tokens = torch::zeros({1, kSmallShape.positions()}, torch::kInt64);
  const auto expected =
      6000 * model(torch::tensor({1}), tokens)[0][0].to(torch::kFloat64).softmax(0);
  const double statistic = ((counts - expected).square() / expected).sum().item<double>();
  EXPECT_LT(statistic,
            24.32);  // exceeded once in 1,000 with 7 degrees of freedom; the seed is fixed
}

TEST(Sampler, GuidanceOfScaleOneIsNone) {
  auto model = random_model();
  auto request = request_of(20);
  const auto plain = sample_tokens(model, false, request);
  request.cfg = 1 + 1e-9;  // takes the way with two rows per image
  EXPECT_TRUE(sample_tokens(model, false, request).equal(plain));
}

TEST(Sampler, AnIntervalGuidesInsideAndNotOutside) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  auto request = request_of(30);
  request.temperature = 0;
  request.cfg = 4;
  // Of 6 tokens: none before, guided 2 and 3, none after (where the twins are dropped).
  for (const auto& [text, first, last] :
       {std::tuple{"interval:0.3:0.6", 2, 4}, {"interval:0:0.5", 0, 3}, {"interval:0.5:1", 3, 6}}) {
    request.cfg_schedule = text;
    const auto codes = sample_tokens(model, false, request);
    const auto cond = model(torch::tensor(request.labels), codes);
    const auto uncond = model(torch::full({30}, kSmallShape.classes, torch::kInt64), codes);
    const auto guided = (uncond + 4 * (cond - uncond)).argmax(-1), plain = cond.argmax(-1);
    EXPECT_FALSE(guided.equal(plain));
    for (int position = 0; position < kSmallShape.positions(); ++position) {
      const auto& expected = position >= first && position < last ? guided : plain;
      EXPECT_TRUE(codes.select(1, position).equal(expected.select(1, position)))
          << text << " " << position;
    }
  }
}

TEST(Sampler, PowerCosineScalesEveryToken) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  auto request = request_of(30);
  request.temperature = 0;
  request.cfg = 4;
  request.cfg_schedule = "power-cosine:2";
  const auto codes = sample_tokens(model, false, request);
  const auto cond = model(torch::tensor(request.labels), codes);
  const auto uncond = model(torch::full({30}, kSmallShape.classes, torch::kInt64), codes);
  auto scales = torch::empty({6, 1});
  for (int position = 0; position < 6; ++position)
    scales[position][0] = 1 + 3 * (1 - std::cos(std::numbers::pi * position * position / 36.0)) / 2;
  EXPECT_TRUE(codes.equal((uncond + scales * (cond - uncond)).argmax(-1)));
}

TEST(Sampler, AnIntervalOverEveryTokenIsConstantGuidance) {
  auto model = random_model();
  auto request = request_of(20);
  request.cfg = 2;
  const auto constant = sample_tokens(model, false, request);
  request.cfg_schedule = "interval:0:1";
  EXPECT_TRUE(sample_tokens(model, false, request).equal(constant));
  request.cfg_schedule = "interval:0:0";
  EXPECT_THROW(sample_tokens(model, false, request), Error);
}

TEST(Sampler, KeptTokensStayAndTheOthersFollowThem) {
  torch::NoGradGuard no_grad;
  auto model = random_model();
  auto request = request_of(12);
  request.temperature = 0;
  request.cfg = 1.5;
  request.kept = torch::tensor({7, 0, 3});
  const auto codes = sample_tokens(model, false, request);
  EXPECT_TRUE(codes.slice(1, 0, 3).eq(request.kept).all().item<bool>());
  const auto cond = model(torch::tensor(request.labels), codes);
  const auto uncond = model(torch::full({12}, kSmallShape.classes, torch::kInt64), codes);
  EXPECT_TRUE(codes.slice(1, 3).equal((uncond + 1.5 * (cond - uncond)).argmax(-1).slice(1, 3)));
  request.kept = torch::empty({0}, torch::kInt64);
  const auto none = sample_tokens(model, false, request);
  request.kept = torch::Tensor();
  EXPECT_TRUE(sample_tokens(model, false, request).equal(none));
}

TEST(Sampler, AnImageDoesNotDependOnItsNeighbours) {
  auto model = random_model();
  auto request = request_of(20);
  request.cfg = 1.5;
  const auto together = sample_tokens(model, false, request);
  request.batch = 3;
  EXPECT_TRUE(sample_tokens(model, false, request).equal(together));
  request.labels.resize(7);
  EXPECT_TRUE(sample_tokens(model, false, request).equal(together.slice(0, 0, 7)));
  request.seed = 6;
  EXPECT_FALSE(sample_tokens(model, false, request).equal(together.slice(0, 0, 7)));
}

TEST(Sampler, ReportsProgressAndTakesNoImages) {
  auto model = random_model();
  auto request = request_of(5);
  request.batch = 2;
  std::vector<std::int64_t> done;
  sample_tokens(model, false, request, [&](std::int64_t count) { done.push_back(count); });
  EXPECT_EQ(done, (std::vector<std::int64_t>{2, 4, 5}));
  EXPECT_EQ(sample_tokens(model, false, request_of(0)).size(0), 0);
}

// As in MNIST, whose classes are called "0" to "9", here in the order of a string sort gone wrong:
// a name wins, and only a number that is no name is a position.
TEST(Classes, ThatAreCalledNumbersAreFoundByName) {
  const std::vector<std::string> names = {"10", "1", "2"};
  EXPECT_EQ(parse_classes("1", names), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(parse_classes("10,2,0", names), (std::vector<std::int64_t>{0, 2, 0}));
  EXPECT_THROW(parse_classes("3", names), Error);
}

TEST(Classes, AreNamesOrNumbersOrAll) {
  const std::vector<std::string> names = {"cat", "dog", "0"};
  EXPECT_EQ(parse_classes("all", names), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(parse_classes("dog,0,1,dog", names), (std::vector<std::int64_t>{1, 2, 1, 1}));
  for (const char* bad : {"", "3", "-1", "dgo", "1x"})
    EXPECT_THROW(parse_classes(bad, names), Error) << bad;
  try {
    parse_classes("dgo", names);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'dog'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tessera
