#include <gif_lib.h>

#include <algorithm>

#include "base/error.h"
#include "image/decoders.h"

namespace tessera {
namespace {

class GifReading {
 public:
  GifReading(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {
    int error = 0;
    gif_ = DGifOpen(this, &GifReading::give_bytes, &error);
    if (!gif_) refuse(error);
  }
  ~GifReading() {
    int ignored = 0;
    DGifCloseFile(gif_, &ignored);
  }
  GifReading(const GifReading&) = delete;
  GifReading& operator=(const GifReading&) = delete;

  Image first_frame() {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    while (true) {
      require(DGifGetRecordType(gif_, &type));
      if (type == IMAGE_DESC_RECORD_TYPE) return read_frame();
      if (type == TERMINATE_RECORD_TYPE) throw FileError(name_, "corrupt GIF: it holds no image");
      if (type == EXTENSION_RECORD_TYPE) read_extension();
    }
  }

 private:
  static int give_bytes(GifFileType* gif, GifByteType* target, int count) {
    auto& bytes = static_cast<GifReading*>(gif->UserData)->bytes_;
    const auto given = std::min(bytes.size(), static_cast<std::size_t>(std::max(0, count)));
    std::copy_n(bytes.begin(), given, target);
    bytes.remove_prefix(given);
    return static_cast<int>(given);
  }

  [[noreturn]] void refuse(int error) const {
    const char* reason = GifErrorString(error);
    throw FileError(name_, std::string("corrupt GIF: ") + (reason ? reason : "it is damaged"));
  }
  void require(int status) const {
    if (status == GIF_ERROR) refuse(gif_->Error);
  }

  // Which palette index of the next frame is transparent, if any.
  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;  // its length, then its bytes
    require(DGifGetExtension(gif_, &code, &block));
    while (block) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE &&
          DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        transparent_ = control.TransparentColor;
      require(DGifGetExtensionNext(gif_, &block));
    }
  }

  // [height, width] of palette indices, rows from the top.
  std::vector<GifPixelType> read_indices(int width, int height) {
    std::vector<GifPixelType> indices(static_cast<std::size_t>(width) * height);
    struct Pass {
      int first, step;
    };
    const std::vector<Pass> passes = gif_->Image.Interlace
                                         ? std::vector<Pass>{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
                                         : std::vector<Pass>{{0, 1}};
    for (const auto& [first, step] : passes)
      for (int y = first; y < height; y += step)
        require(DGifGetLine(gif_, &indices[static_cast<std::size_t>(y) * width], width));
    return indices;
  }

  // Laid on white, as browsers do, whatever background colour the file names.
  Image read_frame() {
    require(DGifGetImageDesc(gif_));
    const auto& place = gif_->Image;
    const auto* palette = place.ColorMap ? place.ColorMap : gif_->SColorMap;
    if (place.Width < 1 || place.Height < 1 || place.Left < 0 || place.Top < 0 || !palette)
      throw FileError(name_, "corrupt GIF: its first frame has no size or no palette");
    Image image{std::max(gif_->SWidth, place.Left + place.Width),
                std::max(gif_->SHeight, place.Top + place.Height),
                {}};
    require_whole_in_memory(image.width, image.height, "a GIF", name_);
    const auto indices = read_indices(place.Width, place.Height);
    image.pixels.assign(static_cast<std::size_t>(image.width) * image.height * 3, 255);
    const auto* index = indices.data();
    for (int y = 0; y < place.Height; ++y) {
      auto* target = &image.pixels[(static_cast<std::size_t>(place.Top + y) * image.width +
                                    static_cast<std::size_t>(place.Left)) *
                                   3];
      for (int x = 0; x < place.Width; ++x, ++index, target += 3) {
        if (*index == transparent_) continue;
        if (*index >= palette->ColorCount)
          throw FileError(name_, "corrupt GIF: a pixel is outside its palette");
        const auto& colour = palette->Colors[*index];
        target[0] = colour.Red;
        target[1] = colour.Green;
        target[2] = colour.Blue;
      }
    }
    return image;
  }

  std::string_view bytes_;  // not read yet
  const std::string& name_;
  GifFileType* gif_ = nullptr;
  int transparent_ = NO_TRANSPARENT_COLOR;
};

}  // namespace

Image decode_gif(std::string_view bytes, const std::string& name) {
  return GifReading(bytes, name).first_frame();
}

}  // namespace tessera
