#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataset/stored_images.h"

struct FT_FaceRec_;
struct FT_LibraryRec_;

namespace tessera {

/// What tells an emoji's variants (skin, hair, gender) from each other left out of its name:
/// "woman judge: dark skin tone" and "man judge" are both "judge".
std::string emoji_family(const std::string& name);

/// Every emoji of Unicode's list that the font draws as one glyph, 136 x 136 on white; the classes
/// are the list's groups, and the variants of an emoji are one family.
class EmojiImages : public StoredImages {
 public:
  /// `list` is Unicode's emoji-test.txt, `font` a colour font with bitmaps (Noto Color Emoji).
  /// Throws FileError when one of them is missing or something else.
  static std::unique_ptr<EmojiImages> open(const fs::path& list, const fs::path& font);
  ~EmojiImages() override;

  std::string name(std::size_t index) const override { return emoji_.at(index).name; }
  std::size_t family(std::size_t index) const override { return emoji_.at(index).family; }
  std::pair<int, int> stored_size(std::size_t) const override;

 protected:
  Image load(std::size_t index, DecodeNotes& notes) const override;

 private:
  struct Emoji {
    std::string name;
    unsigned glyph;
    std::size_t family;
  };
  class Font;
  EmojiImages(std::vector<Emoji> emoji, Labels labels, std::unique_ptr<Font> font);

  std::vector<Emoji> emoji_;
  std::unique_ptr<Font> font_;
};

/// EmojiImages::open; throws Error in a build without HarfBuzz and FreeType.
std::unique_ptr<ImageSet> open_emoji(const fs::path& list, const fs::path& font);

}  // namespace tessera
