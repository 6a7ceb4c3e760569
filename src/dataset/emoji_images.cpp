#include "dataset/emoji_images.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb-ft.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "base/error.h"

namespace tessera {
namespace {

constexpr int kSide = 136;  // the widest bitmap of Noto Color Emoji, 136 x 128

struct ListedEmoji {
  std::string name, group;
  std::vector<std::uint32_t> characters;
};

// "1F44B 1F3FB ; fully-qualified # (the emoji) E1.0 waving hand: light skin tone"
std::optional<ListedEmoji> parse_line(const std::string& line) {
  const auto end = line.find(';'), comment = line.find('#');
  if (end == std::string::npos || comment == std::string::npos ||
      line.find(" fully-qualified ", end) == std::string::npos)
    return {};
  ListedEmoji emoji;
  std::istringstream characters(line.substr(0, end));
  for (std::uint32_t character; characters >> std::hex >> character;)
    emoji.characters.push_back(character);
  std::istringstream words(line.substr(comment + 1));
  std::string glyphs, version;
  words >> glyphs >> version;
  std::getline(words >> std::ws, emoji.name);
  if (emoji.characters.empty() || emoji.name.empty()) return {};
  return emoji;
}

std::vector<ListedEmoji> read_list(const fs::path& path) {
  constexpr std::string_view kGroup = "# group: ";
  std::vector<ListedEmoji> list;
  std::istringstream lines(read_file(path));
  std::string group;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kGroup)) group = line.substr(kGroup.size());
    if (auto emoji = parse_line(line); emoji && !group.empty()) {
      emoji->group = group;
      list.push_back(std::move(*emoji));
    }
  }
  if (list.empty()) throw FileError(path, "content", "no emoji", "Unicode's emoji-test.txt");
  return list;
}

// FreeType keeps colours multiplied by their opacity: what is laid on white is added to the rest.
void lay_on_white(const FT_Bitmap& bitmap, Image& image) {
  const int width = std::min<int>(static_cast<int>(bitmap.width), kSide);
  const int height = std::min<int>(static_cast<int>(bitmap.rows), kSide);
  const int left = (kSide - width) / 2, top = (kSide - height) / 2;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const unsigned char* bgra = bitmap.buffer + y * bitmap.pitch + 4 * x;
      auto* rgb = &image.pixels[static_cast<std::size_t>(((top + y) * kSide + left + x) * 3)];
      for (int c = 0; c < 3; ++c)
        rgb[c] = static_cast<std::uint8_t>(std::min(255, bgra[2 - c] + 255 - bgra[3]));
    }
}

}  // namespace

std::string emoji_family(const std::string& name) {
  std::string family = name;
  if (const auto colon = family.find(": ");
      colon != std::string::npos && !family.starts_with("flag") && !family.starts_with("keycap"))
    family.resize(colon);
  for (const std::string_view who : {"man ", "woman ", "person ", "men ", "women ", "people "})
    if (family.starts_with(who)) return family.substr(who.size());
  return family;
}

// A face of FreeType is not to be used by two threads at once, hence the lock.
class EmojiImages::Font {
 public:
  explicit Font(const fs::path& path) : path_(path) {
    if (!fs::exists(path))
      throw FileError(path, "does not exist; install the Debian package fonts-noto-color-emoji");
    TESSERA_CHECK(FT_Init_FreeType(&library_) == 0);
    if (FT_New_Face(library_, path.c_str(), 0, &face_) != 0 || !FT_HAS_COLOR(face_) ||
        face_->num_fixed_sizes < 1 || FT_Select_Size(face_, 0) != 0) {
      FT_Done_FreeType(library_);
      throw FileError(path, "content", "something else", "a colour font with bitmaps");
    }
    shaper_ = hb_ft_font_create_referenced(face_);
  }
  ~Font() {
    hb_font_destroy(shaper_);
    FT_Done_Face(face_);
    FT_Done_FreeType(library_);
  }
  Font(const Font&) = delete;
  Font& operator=(const Font&) = delete;

  /// The glyph of a sequence; none when the font draws it as several, or not at all.
  std::optional<unsigned> glyph_of(const std::vector<std::uint32_t>& characters) const {
    hb_buffer_t* buffer = hb_buffer_create();
    hb_buffer_add_utf32(buffer, characters.data(), static_cast<int>(characters.size()), 0, -1);
    hb_buffer_guess_segment_properties(buffer);
    hb_shape(shaper_, buffer, nullptr, 0);
    unsigned count = 0;
    const auto* glyphs = hb_buffer_get_glyph_infos(buffer, &count);
    const unsigned glyph = count == 1 ? glyphs[0].codepoint : 0;
    hb_buffer_destroy(buffer);
    return glyph == 0 ? std::nullopt : std::optional(glyph);
  }

  Image draw(unsigned glyph, const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (FT_Load_Glyph(face_, glyph, FT_LOAD_COLOR) != 0 ||
        face_->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_BGRA)
      throw FileError(path_, "has no bitmap of " + name);
    Image image{kSide, kSide, std::vector<std::uint8_t>(kSide * kSide * 3, 255)};
    lay_on_white(face_->glyph->bitmap, image);
    return image;
  }

 private:
  fs::path path_;
  FT_LibraryRec_* library_ = nullptr;
  FT_FaceRec_* face_ = nullptr;
  hb_font_t* shaper_ = nullptr;
  std::mutex mutex_;
};

EmojiImages::EmojiImages(std::vector<Emoji> emoji, Labels labels, std::unique_ptr<Font> font)
    : StoredImages(std::move(labels)), emoji_(std::move(emoji)), font_(std::move(font)) {}

EmojiImages::~EmojiImages() = default;

std::unique_ptr<EmojiImages> EmojiImages::open(const fs::path& list, const fs::path& font_path) {
  if (!fs::exists(list))
    throw FileError(list, "does not exist; install the Debian package unicode-data");
  auto font = std::make_unique<Font>(font_path);
  std::vector<Emoji> emoji;
  Labels labels;
  std::map<std::string, std::size_t> families;
  for (const auto& listed : read_list(list)) {
    const auto glyph = font->glyph_of(listed.characters);
    if (!glyph) continue;
    if (labels.names.empty() || labels.names.back() != listed.group)
      labels.names.push_back(listed.group);
    labels.of_image.push_back(static_cast<int>(labels.names.size()) - 1);
    const auto family = families.emplace(emoji_family(listed.name), emoji.size()).first->second;
    emoji.push_back({listed.name, *glyph, family});
  }
  if (emoji.empty())
    throw FileError(font_path, "content", "none of the emoji listed", "their glyphs");
  return std::unique_ptr<EmojiImages>(
      new EmojiImages(std::move(emoji), std::move(labels), std::move(font)));
}

std::pair<int, int> EmojiImages::stored_size(std::size_t) const { return {kSide, kSide}; }

Image EmojiImages::load(std::size_t index, DecodeNotes&) const {
  return font_->draw(emoji_.at(index).glyph, emoji_.at(index).name);
}

std::unique_ptr<ImageSet> open_emoji(const fs::path& list, const fs::path& font) {
  return EmojiImages::open(list, font);
}

}  // namespace tessera
