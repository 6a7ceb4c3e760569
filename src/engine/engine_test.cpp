#include "tessera/engine.h"

#include <gmock/gmock.h>

#include "engine/opened_models.h"
#include "engine/peak_memory_test.h"
#include "engine/random_tokenizer_test.h"
#include "engine/tiny_generator_test.h"
#include "kernels/instruction_set.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Tokens only: the decoder has tests of its own.
class Engines : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TESSERA_CACHE", "", 1);
    tiny_.write(folder_ / "generator");
  }
  void TearDown() override {
    ::unsetenv("TESSERA_CACHE");
    ::unsetenv("TESSERA_ISA");
    kernels::use_instruction_set(kernels::instruction_sets().back());
  }
  EngineOptions options(int threads = 2) {
    return {.generator = folder_ / "generator", .threads = threads};
  }
  TemporaryFolder folder_;
  TinyGenerator tiny_;
};

TEST_F(Engines, TellWhatTheyOpened) {
  Engine engine(options());
  const auto& info = engine.info();
  EXPECT_THAT(info.classes, ElementsAre("class 0", "class 1", "class 2"));
  EXPECT_EQ(info.grid_rows, 3);
  EXPECT_EQ(info.grid_columns, 4);
  EXPECT_EQ(info.vocabulary, 70);
  EXPECT_EQ(info.image_width, 0);
  EXPECT_EQ(info.threads, 2);
  EXPECT_EQ(engine.find_class("class 1"), 1);
  EXPECT_EQ(engine.find_class("2"), 2);
  EXPECT_THAT(error_of([&] { engine.find_class("class 9"); }), HasSubstr("nearest"));
}

TEST_F(Engines, EqualRequestsGiveEqualImages) {
  Engine engine(options(1)), other(options(3));
  const std::vector<Request> requests = {{.label = 0, .seed = 1, .cfg = 2.0},
                                         {.label = 1, .seed = 2},
                                         {.label = 0, .seed = 1, .cfg = 2.0}};
  const auto drawn = engine.draw(requests);
  ASSERT_EQ(drawn.size(), 3u);
  EXPECT_EQ(drawn[0].tokens, drawn[2].tokens);
  EXPECT_NE(drawn[0].tokens, drawn[1].tokens);
  EXPECT_EQ(other.draw(std::span(requests).first(1))[0].tokens, drawn[0].tokens);
  EXPECT_EQ(drawn[0].picture.width, 0);
}

TEST_F(Engines, TellOfEveryRowAndImage) {
  Engine engine(options());
  std::vector<std::size_t> rows[2];
  std::vector<std::size_t> images;
  const auto drawn = engine.draw(
      std::vector<Request>{{.label = 0, .seed = 1}, {.label = 1, .seed = 2}},
      {.row = [&](std::size_t image, auto tokens) { rows[image].push_back(tokens.size()); },
       .preview = {},
       .image =
           [&](std::size_t image, const Drawn& one) {
             images.push_back(image);
             EXPECT_EQ(one.tokens.size(), 12u);
           }});
  EXPECT_THAT(rows[0], ElementsAre(4u, 8u, 12u));
  EXPECT_THAT(rows[1], ElementsAre(4u, 8u, 12u));
  EXPECT_THAT(images, ElementsAre(0u, 1u));
}

TEST_F(Engines, CancelledDrawingEndsAndTheEngineDrawsOn) {
  Engine engine(options());
  int rows = 0;
  const std::vector<Request> requests(3, {.label = 0, .seed = 1});
  EXPECT_THROW(engine.draw(requests, {.row = [&](auto, auto) { ++rows, engine.cancel(); },
                                      .preview = {},
                                      .image = {}}),
               Cancelled);
  EXPECT_EQ(rows, 3);  // of the step that was under way
  EXPECT_EQ(engine.draw(requests).size(), 3u);
}

TEST_F(Engines, RefuseWhatIsOutOfRange) {
  Engine engine(options());
  const auto refused = [&](const Request& request) {
    return error_of([&] { engine.draw(std::span(&request, 1)); });
  };
  EXPECT_THAT(refused({.label = 3}), HasSubstr("class is 3, expected 0 to 2, or -1"));
  EXPECT_THAT(refused({.label = 0, .previews = 5}), HasSubstr("previews is 5"));
  EXPECT_THAT(refused({.label = 0, .temperature = -1.0}), HasSubstr("temperature"));
  EXPECT_THAT(error_of([&] { engine.decode({}); }), HasSubstr("without a tokenizer"));
  EXPECT_THAT(error_of([&] { Engine({.generator = folder_ / "none"}); }), HasSubstr("none"));
  OpenedModels models(options());
  EXPECT_THAT(error_of([&] { models.transformer(1'000'000'000); }),
              HasSubstr("draw fewer at once"));
}

TEST_F(Engines, RunOnTheInstructionSetThatIsNamed) {
  ::setenv("TESSERA_ISA", "scalar", 1);
  EXPECT_EQ(Engine(options()).info().instruction_set, "scalar");
  ::setenv("TESSERA_ISA", "mmx", 1);
  EXPECT_THAT(error_of([&] { Engine{options()}; }),
              AllOf(HasSubstr("TESSERA_ISA is 'mmx'"), HasSubstr("scalar")));
}

TEST_F(Engines, SayBeforehandWhatMemoryTheyTake) {
  Engine engine(options());
  const auto one = engine.estimate(1, false), guided = engine.estimate(1, true),
             many = engine.estimate(100, true);
  EXPECT_EQ(one.caches, guided.caches);  // there is always room for two rows
  EXPECT_EQ(many.caches, 100 * guided.caches);
  EXPECT_EQ(many.weights, one.weights);
  // Keys and values of 2 layers, 3 heads, 12 positions and 12 channels, in blocks of 16 positions.
  EXPECT_GE(one.caches, 2u * 2 * 2 * 3 * 12 * 12 * 2);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A pipeline of 256-px images large enough that what every process takes does not matter: opened,
// drawn and decoded, the first time and from what the first time packed.
TEST(EngineMemory, OfAWholeRunIsWhatTheEstimateSays) {
  constexpr int kGrid = 16, kImages = 2;
  TemporaryFolder folder;
  ::setenv("TESSERA_CACHE", (folder / "cache").c_str(), 1);
  const TokenizerConfig tokenizer{
      .channels = 64, .multipliers = {1, 1, 1, 2, 4}, .codebook_size = 1024};
  write_tokenizer(folder / "tokenizer", tokenizer, kGrid, random_decoder(tokenizer, 1));
  TinyGenerator generator(
      {.layers = 8, .heads = 8, .dim = 512, .ffn_multiple = 64},
      {.vocabulary = 1024, .classes = 10, .grid_rows = kGrid, .grid_columns = kGrid});
  generator.write(folder / "generator", model_hash(folder / "tokenizer"));
  generator.weights.clear();
  for (const auto weights : {Weights::bf16, Weights::float32, Weights::int8})
    for (const bool again : {false, true}) {
      PeakMemory peak;
      Engine engine({.generator = folder / "generator",
                     .tokenizer = folder / "tokenizer",
                     .weights = weights,
                     .threads = 2});
      const auto estimate = static_cast<double>(engine.estimate(kImages, true).total());
      engine.draw(std::vector<Request>(kImages, {.label = 1, .cfg = 2.0}));
      EXPECT_NEAR(peak.bytes(), estimate, estimate / 10)
          << "bytes, weights " << static_cast<int>(weights) << (again ? ", again" : "");
    }
  ::unsetenv("TESSERA_CACHE");
}
#endif

}  // namespace
}  // namespace tessera
