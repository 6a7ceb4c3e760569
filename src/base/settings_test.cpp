#include "base/settings.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

enum class Shape { round, square };
constexpr std::array<std::string_view, 2> choice_names(Shape) { return {"round", "square"}; }

struct Inner {
  Shape shape = Shape::round;
  std::vector<int> sizes = {1, 2};
  void visit(auto&& field) {
    field("shape", shape, "its outline");
    field("sizes", sizes, "in pixels");
  }
};

struct Example {
  bool flag = false;
  int count = 3;
  double rate = 0.5;
  std::string name = "none";
  Inner inner;
  void visit(auto&& field) {
    field("flag", flag, "on or off");
    field("count", count, "how many");
    field("rate", rate, "per second");
    field("name", name, "of it");
    field("inner", inner, "a table");
  }
};

std::string problem_with(const nlohmann::json& json) {
  return error_of([&] {
    Example example;
    from_json(example, json, "my.toml");
  });
}

TEST(Settings, JsonAndBackIsTheSame) {
  Example example;
  example.flag = true;
  example.count = -7;
  example.rate = 1e-4;
  example.name = "x\n\"y\"";
  example.inner = {Shape::square, {}};
  Example other;
  from_json(other, to_json(example), "test");
  EXPECT_EQ(to_json(other), to_json(example));
  EXPECT_NE(to_json(other), to_json(Example{}));
}

TEST(Settings, WhatIsNotNamedKeepsItsDefault) {
  Example example;
  from_json(example, {{"inner", {{"shape", "square"}}}, {"rate", 2}}, "test");
  EXPECT_EQ(example.inner.shape, Shape::square);
  EXPECT_EQ(example.inner.sizes, (std::vector<int>{1, 2}));
  EXPECT_EQ(example.rate, 2.0);
  EXPECT_EQ(example.count, 3);
}

TEST(Settings, AnUnknownNameIsAnsweredWithTheNearest) {
  EXPECT_EQ(problem_with({{"cuont", 3}}), "my.toml: unknown name 'cuont', did you mean 'count'?");
  EXPECT_EQ(problem_with({{"inner", {{"size", 3}}}}),
            "my.toml: inner: unknown name 'size', did you mean 'sizes'?");
  EXPECT_EQ(close_name("widht", {"width", "height"}), "width");
  EXPECT_EQ(close_name("wd", {"width", "ab"}), "");
  EXPECT_EQ(close_name("width", {}), "");
  EXPECT_EQ(close_name("", {"width"}), "");
  EXPECT_EQ(nearest_name("wieght", {"width", "weight", "height"}), "weight");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Settings, AWrongTypeIsNamed) {
  EXPECT_EQ(problem_with({{"flag", 1}}), "my.toml: flag is 1, expected true or false");
  EXPECT_EQ(problem_with({{"count", 1.5}}), "my.toml: count is 1.5, expected a whole number");
  EXPECT_EQ(problem_with({{"count", true}}), "my.toml: count is true, expected a whole number");
  EXPECT_EQ(problem_with({{"count", 1LL << 40}}),
            "my.toml: count is 1099511627776, expected a smaller number");
  EXPECT_EQ(problem_with({{"rate", "fast"}}), "my.toml: rate is \"fast\", expected a number");
  EXPECT_EQ(problem_with({{"name", 3}}), "my.toml: name is 3, expected a string");
  EXPECT_EQ(problem_with({{"inner", 3}}), "my.toml: inner is 3, expected a table");
  EXPECT_EQ(problem_with({{"inner", {{"sizes", 3}}}}),
            "my.toml: inner: sizes is 3, expected a list");
  EXPECT_EQ(problem_with({{"inner", {{"sizes", {1, "x"}}}}}),
            "my.toml: inner: sizes is \"x\", expected a whole number");
  EXPECT_EQ(problem_with({{"inner", {{"shape", "oval"}}}}),
            "my.toml: inner: shape is \"oval\", expected one of round, square");
  EXPECT_EQ(problem_with(3), "my.toml is 3, expected a table");
}

TEST(Settings, AMessageShowsAnyValueOnOneShortLine) {
  for (const std::string& text : {std::string(10000, 'x'), std::string("a\nb\xff")}) {
    const auto message = problem_with({{"count", text}});
    EXPECT_LT(message.size(), 200u);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

class Override : public ::testing::Test {
 protected:
  nlohmann::json after(const std::string& assignment) {
    apply_override(json_, assignment);
    return json_;
  }
  nlohmann::json json_ = {{"a", {{"b", 1}}}};
};

TEST_F(Override, TakesTomlAndBareWords) {
  EXPECT_EQ(after("a.b=2")["a"]["b"], 2);
  EXPECT_EQ(after("a.b=2.5e-3")["a"]["b"], 2.5e-3);
  EXPECT_EQ(after("a.b=true")["a"]["b"], true);
  EXPECT_EQ(after("a.b=[1, 2]")["a"]["b"], nlohmann::json({1, 2}));
  EXPECT_EQ(after("a.b=quantized")["a"]["b"], "quantized");
  EXPECT_EQ(after("a.b=\"two words\"")["a"]["b"], "two words");
  EXPECT_EQ(after("a.b=x=y")["a"]["b"], "x=y");
  EXPECT_EQ(after("new.c=1")["new"]["c"], 1);
}

TEST_F(Override, RefusesWhatIsNoAssignment) {
  for (const char* text : {"", "a", "a.b", "b=1", "=1", "a=b.c"})
    EXPECT_THAT(error_of([&] { after(text); }), HasSubstr("expected table.key=value")) << text;
  json_ = {{"a", 3}};
  EXPECT_THAT(error_of([&] { after("a.b=1"); }), HasSubstr("a is not a table"));
}

class Toml : public ::testing::Test {
 protected:
  std::string problem_with(const std::string& text) {
    write_file(path_, text);
    return error_of([&] { read_toml(path_); });
  }
  TemporaryFolder folder_;
  std::string path_ = folder_ / "recipe.toml";
};

TEST_F(Toml, BecomesJson) {
  write_file(path_, "# comment\r\nx = 1\n[a]\nb = [1.5, 2.0]\nc = \"\\u00e9\"\nd = false");
  EXPECT_EQ(read_toml(path_),
            nlohmann::json::parse(R"({"x": 1, "a": {"b": [1.5, 2.0], "c": "é", "d": false}})"));
  write_file(path_, "");
  EXPECT_EQ(read_toml(path_), nlohmann::json::object());
}

TEST_F(Toml, AMistakeIsNamedWithItsLine) {
  EXPECT_THAT(problem_with("a = 1\nb = \n"), HasSubstr("recipe.toml: line 2 is not TOML: "));
  EXPECT_THAT(problem_with("hello world\n"), HasSubstr("line 1"));
  EXPECT_THAT(problem_with("a = 1\na = 2\n"), HasSubstr("already exists"));
  EXPECT_THAT(problem_with("a = \"\xff\"\n"), HasSubstr("line 1"));
  EXPECT_THAT(problem_with("a = 1979-05-27\n"), HasSubstr("date"));
  EXPECT_THAT(problem_with(std::string("a = 1\0", 6)), HasSubstr("not a text file"));
  EXPECT_THAT(problem_with(std::string(2 << 20, '\n')), HasSubstr("size is 2097152 bytes"));
  EXPECT_THAT(error_of([&] { read_toml("none.toml"); }), HasSubstr("none.toml: does not exist"));
}

// toml11 3.7 clips these to the largest number instead.
TEST_F(Toml, NumbersOutOfRangeAreRefused) {
  for (const char* number :
       {"99999999999999999999", "-99999999999999999999", "1e999", "inf", "-inf", "nan"})
    EXPECT_THAT(problem_with(std::string("a = ") + number), HasSubstr("out of range")) << number;
}

// toml11 3.7 parses nested values on its own stack and would run out of it.
TEST_F(Toml, DeepNestingIsRefused) {
  std::string dots = "a";
  for (int i = 0; i < 100000; ++i) dots += ".a";
  std::string lines = "a = ";
  for (int i = 0; i < 100000; ++i) lines += "[\n";
  for (const std::string& text :
       {"a = " + std::string(100000, '['), dots + " = 1", "[" + dots + "]", lines})
    EXPECT_THAT(problem_with(text), HasSubstr("brackets"));
}

TEST_F(Toml, DamagedFilesNeverCrash) {
  const std::string text =
      "# a recipe\n[data]\nimage_size = 32\ncrop_scale = 1.25\nflip = true\n\n[tokenizer]\n"
      "multipliers = [1, 2, 2]\nname = \"x\\u00e9\\n\"\ninline = {a = 1, b = [2, 3]}\nday = "
      "1979-05-27\n";
  EXPECT_GT(read_damaged(text, path_, 500, [&] { read_toml(path_); }), 100);
}

}  // namespace
}  // namespace tessera
