#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <thread>

#include "engine/tiny_generator_test.h"
#include "engine/tiny_tokenizer_test.h"
#include "shell.h"
#include "tessera/engine.h"
#include "tessera/tessera.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

// What the callbacks of one tessera_draw() were told.
struct Told {
  std::vector<std::size_t> row_tokens;
  std::vector<std::vector<std::int32_t>> tokens;  // of the images
  std::vector<std::vector<std::uint8_t>> pixels, previews;
  int cancel_after = -1;  // rows

  static Told& of(void* user) { return *static_cast<Told*>(user); }
  static std::vector<std::uint8_t> pixels_of(const tessera_image& image) {
    return {image.pixels, image.pixels + std::ptrdiff_t{3} * image.width * image.height};
  }
  tessera_callbacks callbacks() {
    tessera_callbacks all = TESSERA_CALLBACKS_INIT;
    all.user = this;
    all.row = [](void* user, std::size_t, const tessera_image* image) {
      of(user).row_tokens.push_back(image->token_count);
      return static_cast<int>(std::ssize(of(user).row_tokens) == of(user).cancel_after);
    };
    all.preview = [](void* user, std::size_t, const tessera_image* image) {
      of(user).previews.push_back(pixels_of(*image));
      return 0;
    };
    all.image = [](void* user, std::size_t, const tessera_image* image) {
      of(user).tokens.emplace_back(image->tokens, image->tokens + image->token_count);
      of(user).pixels.push_back(pixels_of(*image));
      return 0;
    };
    return all;
  }
};

// A generator and the tokenizer whose tokens it writes.
class CInterface : public testing::Test {
 protected:
  static void SetUpTestSuite() { ::setenv("TESSERA_CACHE", "", 1); }
  void SetUp() override {
    TinyTokenizer().write(folder_ / "tokenizer");
    const TinyGenerator tiny;
    tiny.write(folder_ / "generator");
    auto config = tiny.model_config();
    config.extra["tokenizer"] = model_hash(folder_ / "tokenizer");
    write_model_config(folder_ / "generator", config);
  }
  void TearDown() override { tessera_free(engine_); }

  tessera_options options(bool with_tokenizer = false) {
    tessera_options all = TESSERA_OPTIONS_INIT;
    all.generator = generator_.c_str();
    if (with_tokenizer) all.tokenizer = tokenizer_.c_str();
    all.threads = 2;
    return all;
  }
  tessera_engine* open(bool with_tokenizer = false) {
    const auto all = options(with_tokenizer);
    EXPECT_EQ(tessera_open(&all, &engine_), TESSERA_OK) << tessera_last_error();
    return engine_;
  }

  TemporaryFolder folder_;
  std::string generator_ = folder_ / "generator", tokenizer_ = folder_ / "tokenizer";
  tessera_engine* engine_ = nullptr;
};

TEST_F(CInterface, TellsWhatIsOpen) {
  auto* engine = open(true);
  tessera_info info = TESSERA_INFO_INIT;
  ASSERT_EQ(tessera_get_info(engine, &info), TESSERA_OK);
  EXPECT_EQ(info.classes, 3);
  EXPECT_EQ(info.grid_rows, 3);
  EXPECT_EQ(info.grid_columns, 4);
  EXPECT_EQ(info.vocabulary, 70);
  EXPECT_EQ(info.image_width, 8);
  EXPECT_EQ(info.image_height, 6);
  EXPECT_EQ(info.threads, 2);
  EXPECT_GT(info.weights, TESSERA_WEIGHTS_AUTOMATIC);
  EXPECT_STRNE(info.instruction_set, "");
  EXPECT_STREQ(tessera_class_name(engine, 2), "class 2");
  EXPECT_EQ(tessera_class_name(engine, 3), nullptr);
  EXPECT_EQ(tessera_class_name(engine, -1), nullptr);
  int label = -1;
  EXPECT_EQ(tessera_find_class(engine, "class 1", &label), TESSERA_OK);
  EXPECT_EQ(label, 1);
  EXPECT_EQ(tessera_find_class(engine, "class 7", &label), TESSERA_BAD_INPUT);
  EXPECT_THAT(tessera_last_error(), HasSubstr("class 7"));
  EXPECT_STREQ(tessera_version(), "0.1.0");
}

TEST_F(CInterface, DrawsWhatTheCxxInterfaceDraws) {
  auto* engine = open(true);
  Engine same({.generator = generator_, .tokenizer = tokenizer_, .threads = 1});
  const std::vector<std::int32_t> kept = {5, 6, 7};
  tessera_request first = TESSERA_REQUEST_INIT, second = TESSERA_REQUEST_INIT;
  first.label = 1, first.seed = 3, first.cfg = 2, first.cfg_schedule = "power-cosine:2";
  first.previews = 2;
  second.temperature = 0.5, second.top_p = 0.9, second.top_k = 20;
  second.kept = kept.data(), second.kept_count = kept.size();
  std::vector<std::vector<std::uint8_t>> previews;
  const auto expected = same.draw(
      std::vector<Request>{
          {.label = 1, .seed = 3, .cfg = 2.0, .cfg_schedule = "power-cosine:2", .previews = 2},
          {.temperature = 0.5, .top_p = 0.9, .top_k = 20, .kept = kept}},
      {.row = {},
       .preview = [&](auto, const Picture& preview) { previews.push_back(preview.pixels); },
       .image = {}});
  Told told;
  const auto callbacks = told.callbacks();
  ASSERT_EQ(tessera_draw(engine, std::vector{first, second}.data(), 2, &callbacks), TESSERA_OK)
      << tessera_last_error();
  EXPECT_THAT(told.row_tokens, ElementsAre(4u, 4u, 8u, 8u, 12u, 12u));
  EXPECT_THAT(told.tokens, ElementsAre(expected[0].tokens, expected[1].tokens));
  EXPECT_THAT(told.pixels, ElementsAre(expected[0].picture.pixels, expected[1].picture.pixels));
  EXPECT_EQ(told.previews.size(), 2u);
  EXPECT_EQ(told.previews, previews);

  std::vector<std::uint8_t> pixels(8 * 6 * 3);
  const auto& tokens = told.tokens[0];
  ASSERT_EQ(tessera_decode(engine, tokens.data(), tokens.size(), pixels.data(), pixels.size()),
            TESSERA_OK);
  EXPECT_EQ(pixels, told.pixels[0]);
  EXPECT_EQ(tessera_decode(engine, tokens.data(), tokens.size(), pixels.data(), 100),
            TESSERA_BAD_INPUT);
  EXPECT_STREQ(tessera_last_error(), "pixel_bytes is 100, expected 144");
}

TEST_F(CInterface, EstimatesMemoryAsTheCxxInterfaceDoes) {
  auto* engine = open();
  tessera_memory memory = TESSERA_MEMORY_INIT;
  ASSERT_EQ(tessera_estimate_memory(engine, 9, 1, &memory), TESSERA_OK);
  const auto expected = Engine({.generator = generator_, .threads = 2}).estimate(9, true);
  EXPECT_EQ(memory.weights, expected.weights);
  EXPECT_EQ(memory.caches, expected.caches);
  EXPECT_EQ(memory.work, expected.work);
  EXPECT_EQ(memory.decoder, 0u);
}

TEST_F(CInterface, ACallbackThatSaysSoCancels) {
  auto* engine = open();
  const std::vector<tessera_request> requests(3, TESSERA_REQUEST_INIT);
  for (const int rows : {1, 4, 9}) {  // the last row of all is none too late
    Told told{.cancel_after = rows};
    const auto callbacks = told.callbacks();
    EXPECT_EQ(tessera_draw(engine, requests.data(), 3, &callbacks), TESSERA_CANCELLED);
    EXPECT_EQ(told.row_tokens.size(), static_cast<std::size_t>(rows));  // nothing is told after it
    EXPECT_STREQ(tessera_last_error(), "drawing was cancelled");
  }
  Told told;
  const auto callbacks = told.callbacks();
  EXPECT_EQ(tessera_draw(engine, requests.data(), 3, &callbacks), TESSERA_OK);
  EXPECT_EQ(told.tokens.size(), 3u);
}

TEST_F(CInterface, AnotherThreadCancels) {
  struct Waiting {
    tessera_engine* engine;
    int rows = 0;
  } waiting{open()};
  tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
  callbacks.user = &waiting;
  callbacks.row = [](void* user, std::size_t, const tessera_image*) {
    auto& told = *static_cast<Waiting*>(user);
    if (++told.rows == 1) std::thread([&] { tessera_cancel(told.engine); }).join();
    return 0;
  };
  const tessera_request request = TESSERA_REQUEST_INIT;
  EXPECT_EQ(tessera_draw(waiting.engine, &request, 1, &callbacks), TESSERA_CANCELLED);
  EXPECT_EQ(waiting.rows, 1);
}

TEST_F(CInterface, RefusesACallBesideTheOneUnderWay) {
  struct Nested {
    tessera_engine* engine;
    std::vector<int> statuses;
  } nested{open(), {}};
  tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
  callbacks.user = &nested;
  callbacks.row = [](void* user, std::size_t, const tessera_image* image) {
    auto& told = *static_cast<Nested*>(user);
    const std::vector<tessera_request> many(9, TESSERA_REQUEST_INIT);
    const tessera_callbacks none = TESSERA_CALLBACKS_INIT;
    std::uint8_t pixel;
    told.statuses.push_back(tessera_draw(told.engine, many.data(), many.size(), &none));
    told.statuses.push_back(tessera_decode(told.engine, image->tokens, 1, &pixel, 1));
    return 0;
  };
  const tessera_request request = TESSERA_REQUEST_INIT;
  EXPECT_EQ(tessera_draw(nested.engine, &request, 1, &callbacks), TESSERA_OK);
  EXPECT_EQ(nested.statuses, std::vector<int>(6, TESSERA_BAD_INPUT));
  EXPECT_THAT(tessera_last_error(), HasSubstr("one call at a time"));
}

TEST_F(CInterface, BadInputIsAStatusAndALine) {
  tessera_engine* none = engine_;
  auto wrong = options();
  const auto refused = [&](const char* message) {
    EXPECT_EQ(tessera_open(&wrong, &none), TESSERA_BAD_INPUT);
    EXPECT_EQ(none, nullptr);
    EXPECT_THAT(tessera_last_error(), HasSubstr(message));
    wrong = options();
  };
  wrong.weights = 5;
  refused("weights is 5, expected 0 to 4");
  wrong.cache = -1;
  refused("cache is -1, expected 0 to 3");
  wrong.threads = -1;
  refused("threads is -1");
  wrong.generator = "/no/such/folder";
  refused("/no/such/folder");
  wrong.tokenizer = generator_.c_str();
  refused("generator");
  wrong.pipeline = "beside";
  refused("pipeline");

  auto* engine = open();
  tessera_request request = TESSERA_REQUEST_INIT;
  const auto refused_to_draw = [&](const char* message) {
    const tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
    EXPECT_EQ(tessera_draw(engine, &request, 1, &callbacks), TESSERA_BAD_INPUT);
    EXPECT_THAT(tessera_last_error(), HasSubstr(message));
    request = TESSERA_REQUEST_INIT;
  };
  request.label = 3;
  refused_to_draw("class is 3, expected 0 to 2, or -1");
  request.cfg_schedule = "zigzag";
  refused_to_draw("zigzag");
  request.temperature = -1;
  refused_to_draw("temperature");
  request.kept_count = 1;
  refused_to_draw("kept is NULL");
  std::vector<std::int32_t> kept = {70};
  request.kept = kept.data(), request.kept_count = 1;
  refused_to_draw("70");
  EXPECT_EQ(tessera_decode(engine, kept.data(), 1, nullptr, 0), TESSERA_BAD_INPUT);
}

TEST_F(CInterface, NullIsAnErrorAndNoCrash) {
  auto* engine = open();
  const auto all = options();
  tessera_info info = TESSERA_INFO_INIT;
  tessera_memory memory = TESSERA_MEMORY_INIT;
  const tessera_request request = TESSERA_REQUEST_INIT;
  const tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
  tessera_engine* none = nullptr;
  int label;
  std::int32_t token = 0;
  const std::vector<int> statuses = {tessera_open(nullptr, &none),
                                     tessera_open(&all, nullptr),
                                     tessera_get_info(nullptr, &info),
                                     tessera_get_info(engine, nullptr),
                                     tessera_find_class(nullptr, "0", &label),
                                     tessera_find_class(engine, nullptr, &label),
                                     tessera_find_class(engine, "0", nullptr),
                                     tessera_estimate_memory(nullptr, 1, 0, &memory),
                                     tessera_estimate_memory(engine, 1, 0, nullptr),
                                     tessera_draw(nullptr, &request, 1, &callbacks),
                                     tessera_draw(engine, nullptr, 1, &callbacks),
                                     tessera_draw(engine, &request, 1, nullptr),
                                     tessera_decode(nullptr, &token, 1, nullptr, 0),
                                     tessera_decode(engine, nullptr, 1, nullptr, 0),
                                     tessera_decode(engine, &token, 1, nullptr, 0)};
  EXPECT_EQ(statuses, std::vector<int>(statuses.size(), TESSERA_BAD_INPUT));
  EXPECT_STREQ(tessera_last_error(), "pixels is NULL, expected one");
  EXPECT_EQ(tessera_class_name(nullptr, 0), nullptr);
  tessera_cancel(nullptr);
  tessera_free(nullptr);
  EXPECT_EQ(tessera_draw(engine, nullptr, 0, &callbacks), TESSERA_OK);
}

TEST_F(CInterface, ErrorsAreKeptForEachThread) {
  tessera_open(nullptr, nullptr);
  std::string elsewhere = "not asked";
  std::thread([&] { elsewhere = tessera_last_error(); }).join();
  EXPECT_EQ(elsewhere, "");
  EXPECT_STREQ(tessera_last_error(), "engine is NULL, expected one");
}

// As if compiled with an earlier tessera.h, whose structs ended before some field.
TEST_F(CInterface, AcceptsTheShorterStructsOfEarlierPrograms) {
  auto all = options();
  all.size = offsetof(tessera_options, most_rows);
  all.most_rows = -7;  // lies beyond its end
  ASSERT_EQ(tessera_open(&all, &engine_), TESSERA_OK) << tessera_last_error();

  tessera_info info = TESSERA_INFO_INIT;
  info.size = offsetof(tessera_info, weights);
  info.weights = -7;
  ASSERT_EQ(tessera_get_info(engine_, &info), TESSERA_OK);
  EXPECT_EQ(info.vocabulary, 70);
  EXPECT_EQ(info.weights, -7);
  EXPECT_EQ(info.size, offsetof(tessera_info, weights));

  struct ShortRequest {
    std::size_t size = sizeof(ShortRequest);
    int label = 0;
    std::uint64_t seed = 0;
  };
  const ShortRequest short_requests[2] = {{.label = 0, .seed = 1}, {.label = 2, .seed = 5}};
  Told told;
  const auto callbacks = told.callbacks();
  ASSERT_EQ(tessera_draw(engine_, reinterpret_cast<const tessera_request*>(short_requests), 2,
                         &callbacks),
            TESSERA_OK);
  const auto drawn =
      Engine({.generator = generator_, .threads = 2})
          .draw(std::vector<Request>{{.label = 0, .seed = 1}, {.label = 2, .seed = 5}});
  EXPECT_THAT(told.tokens, ElementsAre(drawn[0].tokens, drawn[1].tokens));
}

TEST_F(CInterface, RefusesTheLongerStructsOfLaterPrograms) {
  auto all = options();
  all.size += 8;
  EXPECT_EQ(tessera_open(&all, &engine_), TESSERA_BAD_INPUT);
  EXPECT_THAT(tessera_last_error(), HasSubstr("options.size is "));
  tessera_request requests[2] = {TESSERA_REQUEST_INIT, TESSERA_REQUEST_INIT};
  requests[1].size = 16;
  const tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
  EXPECT_EQ(tessera_draw(open(), requests, 2, &callbacks), TESSERA_BAD_INPUT);
  EXPECT_THAT(tessera_last_error(), HasSubstr("requests[1].size is 16"));
}

// Every name in a text that begins with tessera_ and is called or declared there.
std::vector<std::string> function_names(std::string text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = text.find("tessera_", at)) != std::string::npos;) {
    const auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at);
    const auto name = text.substr(at, end - at);
    if (text[end] == '(' && text[end + 1] != ')') names.push_back(name);
    at = end;
  }
  return names;
}

TEST_F(CInterface, TheLibraryShowsItsHeadersAndNothingElse) {
  const auto shown = shell("nm -D -C --defined-only '" TESSERA_LIBRARY "'", folder_);
  ASSERT_EQ(shown.code, 0) << shown.err;
  std::vector<std::string> c_names;
  std::istringstream lines(shown.out);
  for (std::string line; std::getline(lines, line);) {
    const auto name = line.substr(line.find_first_not_of("0123456789abcdef ", 0) + 2);
    if (name.ends_with("@@TESSERA_0") && name.find("(") == std::string::npos) {
      if (name != "TESSERA_0@@TESSERA_0") c_names.push_back(name.substr(0, name.find('@')));
    } else if (name != "TESSERA_CXX_0@@TESSERA_CXX_0") {
      EXPECT_THAT(name, testing::AllOf(testing::StartsWith("tessera::Engine::"),
                                       testing::EndsWith("@@TESSERA_CXX_0")));
    }
  }
  auto header = function_names(read_file(TESSERA_SOURCE "/include/tessera/tessera.h"));
  std::sort(header.begin(), header.end());
  EXPECT_THAT(c_names, UnorderedElementsAreArray(header));
}

TEST_F(CInterface, TheExampleDrawsAPicture) {
  const std::string program = "'" TESSERA_DRAW_EXAMPLE "' ";
  const auto drawn = shell(program + "generator tokenizer 'class 1' out.ppm", folder_);
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_EQ(drawn.out, "row 1 of 3\nrow 2 of 3\nrow 3 of 3\n");
  const auto expected = Engine({.generator = generator_, .tokenizer = tokenizer_})
                            .draw(std::vector<Request>{{.label = 1, .seed = 1}})[0]
                            .picture.pixels;
  EXPECT_EQ(read_file(folder_ / "out.ppm"),
            "P6\n8 6\n255\n" + std::string(expected.begin(), expected.end()));
  const auto refused = shell(program + "generator tokenizer cat out.ppm", folder_);
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, testing::StartsWith("draw: "));
  EXPECT_EQ(shell(program + "generator tokenizer 0 no/such/out.ppm", folder_).code, 130);
}

}  // namespace
}  // namespace tessera
