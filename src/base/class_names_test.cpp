#include "base/class_names.h"

#include <gmock/gmock.h>

#include <set>

#include "base/random.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ClassNames, OrdinaryTextIsItself) {
  for (const std::string name :
       {"dog", "n01440764", "T-shirt/top", "K\xc3\xa4se", "\xf0\x9f\x90\xb1", "a\\b", "", "a, b"}) {
    EXPECT_EQ(class_name_of_bytes(name), name);
    EXPECT_EQ(bytes_of_class_name(name), name);
  }
  EXPECT_EQ(class_name_of_bytes("\xff"), "\\xff");
  EXPECT_EQ(class_name_of_bytes("two\nlines"), "two\\x0alines");
  EXPECT_EQ(class_name_of_bytes("\\x41"), "\\x5cx41");
  EXPECT_EQ(class_name_of_bytes("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate is no character
}

TEST(ClassNames, AnyBytesComeBackAndStayDistinct) {
  Rng rng(1);
  std::set<std::string> bytes, names;
  const std::string pieces[] = {"\\", "x", "4", "f", "\xff", "\xc3", "\xa4", "\n", "\\x41", "a"};
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto size = rng.below(6); size > 0; --size) text += pieces[rng.below(std::size(pieces))];
    const auto name = class_name_of_bytes(text);
    EXPECT_EQ(bytes_of_class_name(name), text);
    bytes.insert(text);
    names.insert(name);
  }
  EXPECT_EQ(bytes.size(), names.size());
}

TEST(ClassNames, FoldersAreDistinct) {
  EXPECT_THAT(folder_names({"T-shirt/top", "T-shirt-top", "T-shirt\\x00top", ".x", "-x", "\\xff"}),
              ElementsAre("T-shirt-top-2", "T-shirt-top", "T-shirt-top-3", "-x-2", "-x", "\xff"));
}

TEST(ClassNames, ListsAreCutWhereTheyGetLong) {
  EXPECT_EQ(listed_names({}), "");
  EXPECT_EQ(listed_names({"a"}), "a");
  EXPECT_EQ(listed_names({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(listed_names({"a", "b", "c", "d"}, 2), "a, b and 2 more");
}

TEST(ClassNames, MismatchesAreNamedOnBothSides) {
  EXPECT_EQ(class_mismatch("train", {"a", "b", "c"}, "valid", {"a", "c", "d"}),
            "classes differ: only in train: b; only in valid: d");
  EXPECT_EQ(class_mismatch("train", {"a", "b"}, "valid", {"b", "a"}), "");
  EXPECT_EQ(class_mismatch("train", {"a", "b"}, "valid", {"flat"}), "");
  EXPECT_EQ(class_mismatch("real", {"T-shirt/top", "Bag"}, "generated", {"Bag", "T-shirt-top"}),
            "");
}

TEST(ClassNames, LabelsAreMatchedByName) {
  EXPECT_THAT(match_classes({"c", "a"}, {"a", "b", "c"}), ElementsAre(2, 0));
  EXPECT_THAT(match_classes({"T-shirt-top"}, {"Bag", "T-shirt/top"}), ElementsAre(1));
  EXPECT_THAT(match_classes({"a", "d"}, {"a", "b", "c"}), ElementsAre(0, -1));
  EXPECT_THAT(match_classes({}, {"a"}), IsEmpty());
}

}  // namespace
}  // namespace tessera
