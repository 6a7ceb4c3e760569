#include "dataset/emoji_images.h"

#include <gmock/gmock.h>

#include <set>

#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

TEST(EmojiFamily, LeavesSkinHairAndGenderOut) {
  EXPECT_EQ(emoji_family("woman judge: dark skin tone"), "judge");
  EXPECT_EQ(emoji_family("man judge"), "judge");
  EXPECT_EQ(emoji_family("waving hand: light skin tone"), "waving hand");
  EXPECT_EQ(emoji_family("flag: France"), "flag: France");
  EXPECT_EQ(emoji_family("keycap: 3"), "keycap: 3");
  EXPECT_EQ(emoji_family("manual wheelchair"), "manual wheelchair");
}

class Emoji : public testing::Test {
 protected:
  void SetUp() override {
    try {
      images_ = open_images({"emoji"});
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
  }
  std::shared_ptr<const ImageSet> images_;
};

TEST_F(Emoji, AreManyInGroupsAndDrawnInColour) {
  EXPECT_GT(images_->size(), 3000u);
  EXPECT_THAT(images_->class_names(), testing::Contains("Food & Drink"));
  std::vector<float> pixels(32 * 32 * 3);
  std::set<std::vector<float>> seen;
  for (std::size_t i = 0; i < images_->size(); i += 100) {
    images_->read(i, 32, pixels.data());
    EXPECT_FLOAT_EQ(pixels[0], 1) << images_->name(i) << ": the corner is white";
    seen.insert(pixels);
  }
  EXPECT_EQ(seen.size(), (images_->size() + 99) / 100);
}

TEST_F(Emoji, VariantsAreHeldOutTogether) {
  std::map<std::string, std::set<bool>> sides;
  for (const auto split : {Split::train, Split::valid}) {
    const auto part = take_split(images_, split, {.valid_fraction = 0.3});
    for (std::size_t i = 0; i < part->size(); ++i)
      sides[emoji_family(part->name(i))].insert(split == Split::valid);
  }
  for (const auto& [family, splits] : sides) EXPECT_EQ(splits.size(), 1u) << family;
}

TEST(EmojiFiles, MustBeWhatTheyAre) {
  const TemporaryFolder folder;
  write_file(folder / "junk", "junk");
  const auto refusal = [&](const fs::path& list, const fs::path& font) {
    return error_of([&] { EmojiImages::open(list, font); });
  };
  EXPECT_THAT(refusal(folder / "none", folder / "junk"), HasSubstr("unicode-data"));
  EXPECT_THAT(refusal(folder / "junk", folder / "none"), HasSubstr("fonts-noto-color-emoji"));
  EXPECT_THAT(refusal(folder / "junk", folder / "junk"), HasSubstr("colour font"));
}

}  // namespace
}  // namespace tessera
