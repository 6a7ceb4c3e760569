#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "base/error.h"
#include "image/decoders.h"
#include "image/orientation.h"

namespace tessera {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

// An iterator's chunk or frame lies in the file's bytes; only the iterator itself is freed.
std::string_view chunk_of(const Demuxer& file, const char* type) {
  WebPChunkIterator found{};
  std::string_view bytes;
  if (WebPDemuxGetChunk(file.get(), type, 1, &found))
    bytes = {reinterpret_cast<const char*>(found.chunk.bytes), found.chunk.size};
  WebPDemuxReleaseChunkIterator(&found);
  return bytes;
}

struct Frame {
  WebPIterator place{};
  Frame() = default;
  ~Frame() { WebPDemuxReleaseIterator(&place); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
};

// [height, width, 4] of the frame alone.
std::vector<std::uint8_t> decode_frame(const WebPIterator& frame, const std::string& name) {
  WebPBitstreamFeatures features{};
  const auto& bytes = frame.fragment;
  if (!frame.complete || WebPGetFeatures(bytes.bytes, bytes.size, &features) != VP8_STATUS_OK ||
      features.width != frame.width || features.height != frame.height)
    throw FileError(name, "corrupt WebP: its first frame is cut or damaged");
  const auto stride = static_cast<std::size_t>(frame.width) * 4;
  std::vector<std::uint8_t> pixels(stride * static_cast<std::size_t>(frame.height));
  if (!WebPDecodeRGBAInto(bytes.bytes, bytes.size, pixels.data(), pixels.size(),
                          static_cast<int>(stride)))
    throw FileError(name, "corrupt WebP: its first frame cannot be decoded");
  return pixels;
}

}  // namespace

Image decode_webp(std::string_view bytes, const std::string& name) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const Demuxer file(WebPDemux(&data), &WebPDemuxDelete);
  Frame frame;
  if (!file || !WebPDemuxGetFrame(file.get(), 1, &frame.place))
    throw FileError(name, "corrupt WebP: it is cut or damaged");
  const auto width = WebPDemuxGetI(file.get(), WEBP_FF_CANVAS_WIDTH);
  const auto height = WebPDemuxGetI(file.get(), WEBP_FF_CANVAS_HEIGHT);
  constexpr std::uint32_t kMostSide = 1 << 24;  // of the format
  const auto& place = frame.place;
  if (width > kMostSide || height > kMostSide || place.x_offset < 0 || place.y_offset < 0 ||
      place.width < 1 || place.height < 1 ||
      static_cast<std::uint32_t>(place.x_offset + place.width) > width ||
      static_cast<std::uint32_t>(place.y_offset + place.height) > height)
    throw FileError(name, "corrupt WebP: its first frame does not fit its size");
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  require_whole_in_memory(image.width, image.height, "a WebP", name);
  const auto rgba = decode_frame(place, name);
  image.pixels.assign(static_cast<std::size_t>(width) * height * 3, 255);
  const auto* pixel = rgba.data();
  for (int y = 0; y < place.height; ++y) {
    auto* target = &image.pixels[((static_cast<std::size_t>(place.y_offset) + y) * width +
                                  static_cast<std::size_t>(place.x_offset)) *
                                 3];
    for (int x = 0; x < place.width; ++x, pixel += 4, target += 3) lay_on_white(pixel, target);
  }
  const int exif = exif_orientation(chunk_of(file, "EXIF"));
  return apply_orientation(std::move(image),
                           exif != 0 ? exif : xmp_orientation(chunk_of(file, "XMP ")));
}

}  // namespace tessera
