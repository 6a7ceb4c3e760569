// Built with libavif where it is there (TESSERA_AVIF); without it no file is taken for AVIF.
#include "base/error.h"
#include "image/decoders.h"

#ifdef TESSERA_AVIF

#include <avif/avif.h>

#include <memory>

#include "image/orientation.h"

namespace tessera {
namespace {

using Decoder = std::unique_ptr<avifDecoder, decltype(&avifDecoderDestroy)>;

void require(avifResult result, const std::string& name) {
  if (result != AVIF_RESULT_OK)
    throw FileError(name, std::string("corrupt AVIF: ") + avifResultToString(result));
}

Image rgb_of(const avifImage& picture, const std::string& name) {
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, &picture);
  rgb.depth = 8;
  rgb.format = AVIF_RGB_FORMAT_RGBA;
  rgb.rowBytes = rgb.width * 4;
  std::vector<std::uint8_t> rgba(std::size_t{rgb.rowBytes} * rgb.height);
  rgb.pixels = rgba.data();
  require(avifImageYUVToRGB(&picture, &rgb), name);
  Image image{static_cast<int>(rgb.width), static_cast<int>(rgb.height), {}};
  image.pixels.resize(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgba.size() / 4; ++i)
    lay_on_white(&rgba[i * 4], &image.pixels[i * 3]);
  return image;
}

// Turned against the clock first, then mirrored, each said as EXIF's orientation.
Image turned(Image image, const avifImage& picture) {
  constexpr int kAgainstTheClock[] = {1, 8, 3, 6};
  if (picture.transformFlags & AVIF_TRANSFORM_IROT)
    image = apply_orientation(std::move(image), kAgainstTheClock[picture.irot.angle & 3]);
#if AVIF_VERSION_MAJOR >= 1
  const auto mirror = picture.imir.axis;
#else
  const auto mirror = picture.imir.mode;
#endif
  if (picture.transformFlags & AVIF_TRANSFORM_IMIR)
    image = apply_orientation(std::move(image), mirror == 0 ? 4 : 2);
  return image;
}

}  // namespace

bool begins_like_avif(std::string_view bytes) {
  const avifROData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  return bytes.size() > 8 && bytes.substr(4, 4) == "ftyp" && avifPeekCompatibleFileType(&data);
}

Image decode_avif(std::string_view bytes, const std::string& name) {
  const Decoder decoder(avifDecoderCreate(), &avifDecoderDestroy);
  if (!decoder) throw std::bad_alloc();
  decoder->maxThreads = 1;                               // images are decoded side by side already
  decoder->ignoreExif = decoder->ignoreXMP = AVIF_TRUE;  // the format has transformations instead
  decoder->imageDimensionLimit = kMostPixelsPerSide;
  // libavif's own limit on pixels, 2^28, holds while it parses; ours names the size.
  require(avifDecoderSetIOMemory(decoder.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                 bytes.size()),
          name);
  require(avifDecoderParse(decoder.get()), name);
  const auto& picture = *decoder->image;
  require_whole_in_memory(static_cast<int>(picture.width), static_cast<int>(picture.height),
                          "an AVIF", name);
  require(avifDecoderNextImage(decoder.get()), name);
  // What the container promised and what the codec found may differ.
  require_whole_in_memory(static_cast<int>(picture.width), static_cast<int>(picture.height),
                          "an AVIF", name);
  return turned(rgb_of(picture, name), picture);
}

}  // namespace tessera

#else

namespace tessera {

bool begins_like_avif(std::string_view) { return false; }

Image decode_avif(std::string_view, const std::string& name) {
  throw FileError(name, "is AVIF, which this build does not read (it lacks libavif)");
}

}  // namespace tessera

#endif
