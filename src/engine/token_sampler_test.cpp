#include "engine/token_sampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "engine/tiny_generator_test.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;
using testing::HasSubstr;

class TokenSamplers : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TESSERA_CACHE", "", 1);
    tiny_.write(folder_ / "generator");
    weights_.emplace(GeneratorWeights::open(folder_ / "generator", WeightType::float32, pool_));
  }
  void TearDown() override { ::unsetenv("TESSERA_CACHE"); }

  // The tokens of all requests, drawn with room for so many rows.
  std::map<std::size_t, std::vector<std::int32_t>> draw(const std::vector<TokenRequest>& requests,
                                                        std::size_t rows, ThreadPool& pool) {
    std::map<std::size_t, std::vector<std::int32_t>> drawn;
    TokenTransformer transformer(*weights_, CacheType::float32, rows, pool);
    TokenSampler sampler(transformer, {.token = {}, .image = [&](std::size_t id, auto tokens) {
                                         drawn[id] = std::move(tokens);
                                       }});
    for (std::size_t id = 0; id < requests.size(); ++id) sampler.add(id, requests[id]);
    while (sampler.step() > 0) EXPECT_LE(sampler.rows_under_way(), rows);
    return drawn;
  }
  std::vector<std::int32_t> draw_one(const TokenRequest& request) {
    return draw({request}, 2, pool_).at(0);
  }
  // Greedy tokens by the definition: guided logits of the two classes' double-precision passes.
  std::vector<std::int32_t> greedy(int label, double scale) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(tiny_.shape.positions()), 0);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const auto guided = tiny_.logits(label, tokens)[t];
      const auto unguided = tiny_.logits(tiny_.shape.classes, tokens)[t];
      double best = -HUGE_VAL;
      for (std::size_t i = 0; i < guided.size(); ++i) {
        const double logit = unguided[i] + scale * (guided[i] - unguided[i]);
        if (logit > best) best = logit, tokens[t] = static_cast<std::int32_t>(i);
      }
    }
    return tokens;
  }

  TemporaryFolder folder_;
  ThreadPool pool_{2};
  TinyGenerator tiny_;
  std::optional<GeneratorWeights> weights_;
};

TEST_F(TokenSamplers, TheLikeliestTokensAreThoseOfTheDefinition) {
  for (const double cfg : {1.0, 1.5, 4.0, 0.0})
    EXPECT_EQ(draw_one({.label = 1, .seed = 9, .sampling = {.cfg = cfg, .temperature = 0}}),
              greedy(1, cfg))
        << "guidance " << cfg;
}

TEST_F(TokenSamplers, AnImageDoesNotDependOnItsNeighboursOrTheThreads) {
  std::vector<TokenRequest> requests;
  for (std::uint64_t i = 0; i < 20; ++i) {
    TokenRequest request{.label = static_cast<std::int32_t>(i % 4), .seed = 100 + i};
    request.sampling.cfg = i % 3 == 0 ? 1.0 : 1.0 + 0.5 * static_cast<double>(i % 3);
    if (i % 5 == 1) request.sampling.cfg_schedule = "interval:0:0.5";
    if (i % 5 == 2) request.sampling.top_k = 5;
    if (i % 5 == 3) request.sampling.top_p = 0.7;
    if (i % 7 == 2) request.kept = {1, 2, 3, 4, 5};
    requests.push_back(request);
  }
  std::vector<std::vector<std::int32_t>> alone;
  for (const auto& request : requests) alone.push_back(draw_one(request));
  for (const auto& [rows, threads] : {std::pair{2, 1}, {3, 2}, {7, 3}, {40, 2}}) {
    ThreadPool pool(threads);
    const auto together = draw(requests, static_cast<std::size_t>(rows), pool);
    ASSERT_EQ(together.size(), requests.size());
    for (std::size_t id = 0; id < requests.size(); ++id)
      EXPECT_EQ(together.at(id), alone[id]) << "image " << id << ", room for " << rows;
  }
  EXPECT_NE(alone[0], alone[12]);  // the same class, another seed
}

TEST_F(TokenSamplers, GuidanceTakesASecondRowAsLongAsItActs) {
  TokenTransformer transformer(*weights_, CacheType::float32, 2, pool_);
  TokenSampler sampler(transformer, {});
  sampler.add(0, {.label = 0, .seed = 1, .sampling = {.cfg = 2, .cfg_schedule = "interval:0:0.5"}});
  std::vector<std::size_t> rows;
  do rows.push_back((sampler.step(), sampler.rows_under_way()));
  while (rows.back() > 0);
  // Twelve tokens, of which six are guided; the row is given back before the seventh is drawn.
  EXPECT_EQ(rows, (std::vector<std::size_t>{2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0}));
}

TEST_F(TokenSamplers, KeptTokensBeginTheImage) {
  const TokenRequest free{.label = 2, .seed = 5, .sampling = {.cfg = 1.5}};
  auto kept = free;
  kept.kept = {3, 1, 4, 1, 5};
  const auto tokens = draw_one(kept);
  EXPECT_TRUE(std::equal(kept.kept.begin(), kept.kept.end(), tokens.begin()));
  EXPECT_EQ(tokens.size(), 12u);
  // What is kept decides the rest: the same beginning that is drawn gives the same end.
  kept.kept = greedy(2, 1.5);
  kept.kept.resize(5);
  kept.sampling.temperature = 0;
  EXPECT_EQ(draw_one(kept), greedy(2, 1.5));
}

TEST_F(TokenSamplers, ImagesJoinAndLeaveAndCanBeCancelled) {
  TokenTransformer transformer(*weights_, CacheType::float32, 4, pool_);
  std::vector<std::size_t> done;
  TokenSampler sampler(transformer, {.token = {}, .image = [&](std::size_t id, const auto&) {
                                       done.push_back(id);
                                     }});
  sampler.add(0, {.label = 0, .seed = 1});
  for (int step = 0; step < 4; ++step) sampler.step();
  sampler.add(1, {.label = 1, .seed = 2});
  sampler.add(2, {.label = 1, .seed = 3});
  sampler.step();
  EXPECT_EQ(sampler.rows_under_way(), 3u);
  sampler.cancel([](std::size_t id) { return id == 1; });
  EXPECT_EQ(sampler.rows_under_way(), 2u);
  while (sampler.step() > 0) {
  }
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 2}));
}

TEST_F(TokenSamplers, RefuseWhatTheModelDoesNotHave) {
  TokenTransformer transformer(*weights_, CacheType::float32, 2, pool_);
  TokenSampler sampler(transformer, {});
  const auto refused = [&](const TokenRequest& request) {
    return error_of([&] { sampler.add(0, request); });
  };
  EXPECT_THAT(refused({.label = 4}), HasSubstr("class is 4, expected 0 to 2, or 3 for none"));
  EXPECT_THAT(refused({.label = -1}), HasSubstr("class is -1"));
  EXPECT_THAT(refused({.label = 0, .kept = {70}}), HasSubstr("a kept token is 70"));
  EXPECT_THAT(refused({.label = 0, .kept = std::vector<std::int32_t>(12, 0)}),
              HasSubstr("cannot keep 12"));
  EXPECT_THAT(refused({.label = 0, .sampling = {.top_p = 2}}), HasSubstr("top_p"));
  EXPECT_THAT(refused({.label = 0, .sampling = {.cfg_schedule = "sideways"}}),
              HasSubstr("sideways"));
}

}  // namespace
}  // namespace tessera
