// Debian keeps no library for BMP alone, and stb_image says of itself that it is not for untrusted
// input, so this reads what the format's documentation calls BI_RGB and BI_BITFIELDS: 1, 4, 8, 16,
// 24 and 32 bits, from the bottom or from the top. Run-length coding and embedded files are
// refused.
#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/error.h"
#include "image/decoders.h"
#include "image/row_collector.h"

namespace tessera {
namespace {

constexpr std::size_t kFileHeader = 14;

// The bits of a pixel that hold one channel.
struct Channel {
  std::uint32_t mask = 0;

  std::uint8_t value(std::uint32_t pixel) const {
    const std::uint64_t most = mask >> std::countr_zero(mask);
    const std::uint64_t found = (pixel & mask) >> std::countr_zero(mask);
    return static_cast<std::uint8_t>((found * 255 + most / 2) / most);
  }
};

class BmpReading {
 public:
  BmpReading(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {
    read_header();
    read_masks();
    read_palette();
  }

  Image decode() const {
    RowCollector rows(width_, height_, name_);
    const std::size_t stride = (static_cast<std::size_t>(width_) * bits_ + 31) / 32 * 4;
    const auto begin = number(10, 4);
    if (begin < end_of_header_ || begin > bytes_.size() ||
        stride * static_cast<std::size_t>(height_) > bytes_.size() - begin)
      refuse("the file ends too early");
    std::vector<std::uint8_t> row(static_cast<std::size_t>(width_) * 3);
    const bool opaque = channels_[3].mask == 0 || has_no_alpha(begin, stride);
    for (int y = 0; y < height_; ++y) {
      const auto stored = static_cast<std::size_t>(from_top_ ? y : height_ - 1 - y);
      read_row(begin + stored * stride, opaque, row);
      rows.add(row.data());
    }
    return rows.take();
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const {
    throw FileError(name_, "corrupt BMP: " + problem);
  }

  // Little-endian.
  std::uint32_t number(std::size_t at, int count) const {
    if (at > bytes_.size() || bytes_.size() - at < static_cast<std::size_t>(count))
      refuse("the file ends too early");
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i)
      value |= std::uint32_t{static_cast<unsigned char>(bytes_[at + static_cast<std::size_t>(i)])}
               << 8 * i;
    return value;
  }

  void read_header() {
    constexpr std::uint32_t kOldHeader = 12, kMostHeader = 1024;
    header_ = number(14, 4);
    old_ = header_ == kOldHeader;
    if (header_ < kOldHeader || (!old_ && header_ < 40) || header_ > kMostHeader)
      refuse("its header has " + std::to_string(header_) + " bytes, expected 12, or 40 and more");
    const auto width = static_cast<std::int32_t>(old_ ? number(18, 2) : number(18, 4));
    const std::int64_t height = static_cast<std::int32_t>(old_ ? number(20, 2) : number(22, 4));
    if (width < 1 || height == 0 || std::abs(height) > INT32_MAX) refuse("it has no size");
    width_ = width;
    height_ = static_cast<int>(std::abs(height));
    from_top_ = height < 0;
    bits_ = static_cast<int>(old_ ? number(24, 2) : number(28, 2));
    compression_ = old_ ? 0 : number(30, 4);
    if (compression_ == 1 || compression_ == 2)
      throw FileError(name_, "is a BMP with run-length coding, which is not read");
    if (compression_ != 0 && compression_ != 3 && compression_ != 6)
      throw FileError(
          name_, "is a BMP of compression " + std::to_string(compression_) + ", which is not read");
    const int known[] = {1, 4, 8, 16, 24, 32};
    if (std::ranges::find(known, bits_) == std::end(known) ||
        (compression_ != 0 && bits_ != 16 && bits_ != 32))
      refuse("it has " + std::to_string(bits_) + " bits a pixel");
    end_of_header_ = kFileHeader + header_;
  }

  // Which bits of a pixel are red, green, blue and alpha.
  void read_masks() {
    if (bits_ == 16)
      channels_[0].mask = 0x7c00, channels_[1].mask = 0x3e0, channels_[2].mask = 0x1f;
    if (bits_ == 32)
      channels_[0].mask = 0xff0000, channels_[1].mask = 0xff00, channels_[2].mask = 0xff;
    if (compression_ == 0) return;
    // After the smallest header the masks follow it; a larger one holds them at the same place.
    const std::size_t count = compression_ == 6 || header_ >= 56 ? 4 : 3;
    for (std::size_t i = 0; i < count; ++i) channels_[i].mask = number(54 + i * 4, 4);
    end_of_header_ = std::max(end_of_header_, 54 + count * 4);
    std::uint32_t seen = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto mask = channels_[i].mask;
      if (mask == 0 && i == 3) continue;
      const auto ones = mask == 0 ? 0 : mask >> std::countr_zero(mask);
      if (mask == 0 || (ones & (ones + 1)) != 0 || (mask & seen) != 0 ||
          (bits_ == 16 && mask > 0xffff))
        refuse("its channels' bits make no sense");
      seen |= mask;
    }
  }

  void read_palette() {
    if (bits_ > 8) return;
    const std::uint32_t all = 1u << bits_, entry = old_ ? 3 : 4;
    const auto used = old_ ? all : number(46, 4);
    colours_ = used == 0 ? all : std::min(used, all);
    palette_ = end_of_header_;
    end_of_header_ += std::size_t{colours_} * entry;
    if (end_of_header_ > bytes_.size()) refuse("the file ends too early");
  }

  // Many writers leave the fourth byte zero where they mean no transparency at all.
  bool has_no_alpha(std::size_t begin, std::size_t stride) const {
    const int size = bits_ / 8;
    for (std::size_t y = 0; y < static_cast<std::size_t>(height_); ++y)
      for (std::size_t x = 0; x < static_cast<std::size_t>(width_); ++x)
        if (number(begin + y * stride + x * static_cast<std::size_t>(size), size) &
            channels_[3].mask)
          return false;
    return true;
  }

  void read_row(std::size_t begin, bool opaque, std::vector<std::uint8_t>& row) const {
    for (std::size_t x = 0; x < static_cast<std::size_t>(width_); ++x) {
      auto* rgb = &row[x * 3];
      if (bits_ <= 8) {
        read_colour(begin, x, rgb);
      } else if (bits_ == 24) {
        for (std::size_t c = 0; c < 3; ++c)
          rgb[c] = static_cast<std::uint8_t>(bytes_[begin + x * 3 + 2 - c]);
      } else {
        const int size = bits_ / 8;
        const auto pixel = number(begin + x * static_cast<std::size_t>(size), size);
        const std::uint8_t rgba[] = {channels_[0].value(pixel), channels_[1].value(pixel),
                                     channels_[2].value(pixel),
                                     opaque ? std::uint8_t{255} : channels_[3].value(pixel)};
        lay_on_white(rgba, rgb);
      }
    }
  }

  void read_colour(std::size_t begin, std::size_t x, std::uint8_t* rgb) const {
    const std::size_t per_byte = 8 / static_cast<std::size_t>(bits_);
    const auto byte = static_cast<unsigned char>(bytes_[begin + x / per_byte]);
    const std::size_t shift = 8 - static_cast<std::size_t>(bits_) * (x % per_byte + 1);
    const std::uint32_t index = (byte >> shift) & ((1u << bits_) - 1);
    if (index >= colours_) refuse("a pixel is outside its palette");
    const auto at = palette_ + std::size_t{index} * (old_ ? 3 : 4);
    for (std::size_t c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(bytes_[at + 2 - c]);
  }

  std::string_view bytes_;
  const std::string& name_;
  bool old_ = false, from_top_ = false;
  int width_ = 0, height_ = 0, bits_ = 0;
  std::uint32_t header_ = 0, compression_ = 0, colours_ = 0;
  std::size_t end_of_header_ = 0, palette_ = 0;
  Channel channels_[4];  // red, green, blue, alpha
};

}  // namespace

Image decode_bmp(std::string_view bytes, const std::string& name) {
  return BmpReading(bytes, name).decode();
}

}  // namespace tessera
