#include "tokens/token_file.h"

#include <gmock/gmock.h>

#include <numeric>

#include "base/testing.h"
#include "base/version.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

TokenSet small_set(int codebook_size) {
  TokenSet tokens;
  tokens.header = {.grid_rows = 2,
                   .grid_columns = 3,
                   .codebook_size = codebook_size,
                   .tokenizer_hash = sha256("weights"),
                   .class_names = {"cat", "dog \"two\"\n", "\xff not UTF-8"},
                   .made_by = made_by(7),
                   .data = "generated"};
  tokens.crops = 2;
  tokens.codes.resize(4 * 2 * 6);
  std::iota(tokens.codes.begin(), tokens.codes.end(), 0);
  tokens.codes.back() = codebook_size - 1;
  tokens.labels = {0, 2, 1, 0};
  return tokens;
}

class Tokens : public ::testing::Test {
 protected:
  // The problem of a file like small_set(100), but for what `change` does to its metadata and
  // arrays.
  using Metadata = std::map<std::string, std::string>;
  std::string problem_with(const std::function<void(Metadata&, std::vector<TensorView>&)>& change) {
    write_tokens(path_, small_set(100));
    {
      const auto good = SafetensorsFile::open(path_);
      auto metadata = good.metadata();
      auto tensors = good.tensors();
      change(metadata, tensors);
      write_safetensors(folder_ / "changed.safetensors", tensors, metadata);
    }
    return error_of([&] { TokenFile::open(folder_ / "changed.safetensors"); });
  }
  std::string problem_with(const std::string& key, const std::string& value) {
    return problem_with([&](Metadata& metadata, auto&) { metadata[key] = value; });
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "tokens.safetensors";
};

TEST_F(Tokens, WhatIsWrittenIsRead) {
  for (const int codebook_size : {100, 65536, 65537, 1 << 20}) {
    const auto set = small_set(codebook_size);
    write_tokens(path_, set);
    const auto file = TokenFile::open(path_);
    EXPECT_EQ(SafetensorsFile::open(path_).at("codes").type,
              codebook_size <= 65536 ? DType::U16 : DType::I32);
    EXPECT_EQ(file.images(), 4);
    EXPECT_EQ(file.crops(), 2);
    EXPECT_EQ(file.tokens_per_image(), 6);
    EXPECT_EQ(file.header().grid_rows, 2);
    EXPECT_EQ(file.header().grid_columns, 3);
    EXPECT_EQ(file.codebook_size(), codebook_size);
    EXPECT_EQ(file.tokenizer_hash(), set.header.tokenizer_hash);
    EXPECT_EQ(file.header().made_by, set.header.made_by);
    EXPECT_EQ(file.header().data, "generated");
    std::vector<std::int64_t> sequence(6);
    for (std::size_t i = 0; i < set.codes.size(); ++i) {
      const auto image = static_cast<std::int64_t>(i / 12),
                 crop = static_cast<std::int64_t>(i / 6 % 2);
      EXPECT_EQ(file.code(image, crop, static_cast<int>(i % 6)), set.codes[i]);
      file.read_codes(image, crop, sequence);
      EXPECT_EQ(sequence[i % 6], set.codes[i]);
    }
    for (int image = 0; image < 4; ++image)
      EXPECT_EQ(file.label(image), set.labels[static_cast<std::size_t>(image)]);
  }
}

TEST_F(Tokens, ClassNamesSurviveAnyBytes) {
  write_tokens(path_, small_set(100));
  const auto names = TokenFile::open(path_).class_names();
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[1], "dog \"two\"\n");
  EXPECT_THAT(names[2], HasSubstr(" not UTF-8"));
}

TEST_F(Tokens, LabelsAreMatchedToOtherClassesByName) {
  auto set = small_set(100);
  set.header.class_names = {"cat", "dog", "fish"};
  write_tokens(path_, set);
  const auto file = TokenFile::open(path_);
  std::vector<std::string> missing;
  const std::vector<std::string> wider = {"ant", "fish", "dog", "cat"}, narrow = {"fish", "ant"};
  const auto matched = file.with_classes(wider, missing);
  ASSERT_TRUE(matched);
  const auto back = matched->with_classes(set.header.class_names, missing);
  ASSERT_TRUE(back);
  for (std::int64_t image = 0; image < file.images(); ++image) {
    EXPECT_EQ(matched->label(image), 3 - file.label(image));
    EXPECT_EQ(back->label(image), file.label(image));
  }
  EXPECT_EQ(matched->class_names(), wider);
  EXPECT_TRUE(missing.empty());
  EXPECT_FALSE(file.with_classes(narrow, missing));
  EXPECT_FALSE(missing.empty());
}

TEST_F(Tokens, AWrongFieldIsNamed) {
  EXPECT_EQ(problem_with("unknown", "is ignored"), "");
  EXPECT_THAT(problem_with("format", "tessera.tokens/9"),
              HasSubstr("format is \"tessera.tokens/9\""));
  for (const char* grid : {"6", "x", "2x", "2x3x", "0x6", "-2x-3", "2x3 ", "99999x1"})
    EXPECT_THAT(problem_with("grid", grid), HasSubstr("changed.safetensors: grid is")) << grid;
  EXPECT_THAT(problem_with("grid", "3x3"),
              HasSubstr("tensor codes is [4, 2, 6], expected 9 tokens"));
  EXPECT_THAT(problem_with("codebook_size", "many"), HasSubstr("codebook_size is \"many\""));
  EXPECT_THAT(problem_with("tokenizer", "abc"), HasSubstr("tokenizer is \"abc\""));
  EXPECT_THAT(problem_with("classes", "cat, dog"), HasSubstr("expected JSON"));
  EXPECT_THAT(problem_with("classes", "[1, 2, 3]"), HasSubstr("expected a list of names"));
  EXPECT_THAT(problem_with("classes", "[]"), HasSubstr("classes is empty"));
  for (const char* key :
       {"format", "grid", "codebook_size", "tokenizer", "classes", "made_by", "data"})
    EXPECT_THAT(problem_with([&](Metadata& metadata, auto&) { metadata.erase(key); }),
                HasSubstr(std::string("no metadata \"") + key + "\""));
}

TEST_F(Tokens, CodesAndLabelsOutOfRangeAreRefused) {
  EXPECT_THAT(problem_with("codebook_size", "99"), HasSubstr("code 47 is 99, expected 0 to 98"));
  EXPECT_THAT(problem_with("classes", R"(["cat", "dog"])"),
              HasSubstr("label 1 is 2, expected 0 to 1"));
  const std::vector<std::int32_t> negative = {0, 0, -1, 0};
  EXPECT_THAT(problem_with([&](Metadata&, auto& tensors) {
                tensors[0].bytes = std::as_bytes(std::span(negative));
              }),
              HasSubstr("label 2 is -1"));
}

TEST_F(Tokens, ArraysOfAnotherTypeOrShapeAreRefused) {
  const auto change = [&](std::size_t index, DType type, std::vector<std::int64_t> shape) {
    return problem_with([&](Metadata&, std::vector<TensorView>& tensors) {
      tensors[index].type = type;
      tensors[index].shape = shape;
    });
  };
  EXPECT_THAT(change(0, DType::F32, {4}), HasSubstr("tensor labels is F32 [4], expected I32"));
  EXPECT_THAT(change(0, DType::I32, {2, 2}), HasSubstr("tensor labels is I32 [2, 2]"));
  EXPECT_THAT(change(1, DType::I16, {4, 2, 6}), HasSubstr("tensor codes is I16"));
  EXPECT_THAT(change(1, DType::U16, {8, 6}), HasSubstr("tensor codes is U16 [8, 6]"));
  EXPECT_THAT(change(1, DType::U16, {2, 4, 6}),
              HasSubstr("labels is [4], expected one for each of 2"));
  EXPECT_THAT(problem_with([](Metadata&, auto& tensors) { tensors.pop_back(); }),
              HasSubstr("no tensor \"codes\""));
}

TEST_F(Tokens, DamagedFilesNeverCrash) {
  write_tokens(path_, small_set(100));
  const auto refused = read_damaged(read_file(path_), path_, 3000, [&] {
    const auto file = TokenFile::open(path_);
    for (int position = 0; position < file.tokens_per_image(); ++position)
      ASSERT_LT(file.code(file.images() - 1, file.crops() - 1, position), file.codebook_size());
  });
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tessera
