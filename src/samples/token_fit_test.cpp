#include "samples/token_fit.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

class TokenFit : public testing::Test {
 protected:
  TokenFile tokens_of(const std::vector<std::string>& class_names,
                      const std::vector<std::int32_t>& labels) {
    write_tokens(folder_ / "tokens", {.header = {.grid_rows = 1,
                                                 .grid_columns = 1,
                                                 .codebook_size = 4,
                                                 .tokenizer_hash = std::string(64, 'a'),
                                                 .class_names = class_names,
                                                 .made_by = nullptr,
                                                 .data = ""},
                                      .codes = std::vector<std::int32_t>(labels.size()),
                                      .labels = labels});
    return TokenFile::open(folder_ / "tokens");
  }
  TemporaryFolder folder_;
};

TEST_F(TokenFit, LabelsAreMatchedByName) {
  const auto tokens =
      matched_classes(tokens_of({"dog", "cat"}, {0, 1}), {"cat", "cow", "dog"}, "x");
  EXPECT_EQ(tokens.label(0), 2);
  EXPECT_EQ(tokens.label(1), 0);
}

TEST_F(TokenFit, ClassesThatAreUnknownAreNamed) {
  const auto tokens = tokens_of({"cat", "goat"}, {0, 1});
  EXPECT_THAT(
      error_of([&] {
        matched_classes(tokens, {"cat", "dog"}, "the generator's");
      }),
      HasSubstr("expected the generator's, 2 classes, \"cat\", \"dog\"; not among them: goat"));
}

TEST_F(TokenFit, GeneratorsWhoseClassesAreNumbersTakeAsManyInTheirOrder) {
  EXPECT_EQ(matched_classes(tokens_of({"cat", "dog"}, {1, 0}), {"0", "1"}, "x").label(0), 1);
  EXPECT_THROW(matched_classes(tokens_of({"cat", "dog"}, {1, 0}), {"0", "1", "2"}, "x"), Error);
}

}  // namespace
}  // namespace tessera
