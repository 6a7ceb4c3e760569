#include "image/png_chunks.h"

#include <zlib.h>

#include <cctype>
#include <cstdint>
#include <optional>
#include <string>

#include "image/orientation.h"

namespace tessera {
namespace {

constexpr std::size_t kSignature = 8;
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum
constexpr std::string_view kEnd{"\0\0\0\0IEND\xae\x42\x60\x82", 12};
constexpr std::size_t kMostText = 1 << 20;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

bool checksum_fits(std::string_view type_and_data, std::string_view checksum) {
  const auto found =
      crc32_z(0, reinterpret_cast<const Bytef*>(type_and_data.data()), type_and_data.size());
  return found == big_endian(checksum);
}

// Empty when it is damaged or longer than kMostText.
std::string inflated(std::string_view bytes) {
  std::string text(kMostText, '\0');
  uLongf size = kMostText;
  uLong used = bytes.size();
  const int status = uncompress2(reinterpret_cast<Bytef*>(text.data()), &size,
                                 reinterpret_cast<const Bytef*>(bytes.data()), &used);
  text.resize(status == Z_OK ? size : 0);
  return text;
}

// Splits at the first zero; nothing when there is none.
std::optional<std::string_view> take_word(std::string_view& bytes) {
  const auto end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const auto word = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return word;
}

// A profile in ImageMagick's text: a line with its name, one with its length, then hexadecimal.
std::string profile_from_text(std::string_view text) {
  for (int line = 0; line < 2; ++line) {
    const auto begin = text.find_first_not_of("\n ");
    const auto end = text.find('\n', begin == std::string_view::npos ? 0 : begin);
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string bytes, digits;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (!std::isxdigit(static_cast<unsigned char>(c))) return "";
    digits += c;
    if (digits.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return bytes;
}

struct Orientations {
  int chunk = 0, profile = 0, xmp = 0;

  void read_text(std::string_view keyword, const std::string& text) {
    if (keyword == "XML:com.adobe.xmp") {
      xmp = xmp_orientation(text);
    } else if (keyword.starts_with("Raw profile type ")) {
      const auto bytes = profile_from_text(text);
      if (const int found = exif_orientation(bytes)) profile = found;
      if (const int found = xmp_orientation(bytes)) xmp = found;
    }
  }

  void read(std::string_view type, std::string_view data) {
    if (type == "eXIf") chunk = exif_orientation(data);
    if (type != "tEXt" && type != "zTXt" && type != "iTXt") return;
    const auto keyword = take_word(data);
    if (!keyword) return;
    bool compressed = type == "zTXt";
    if (compressed) {
      if (data.empty()) return;
      data.remove_prefix(1);  // the method, always zlib's
    } else if (type == "iTXt") {
      if (data.size() < 2) return;
      compressed = data[0] != 0;
      data.remove_prefix(2);
      if (!take_word(data) || !take_word(data)) return;  // language, translated keyword
    }
    if (compressed || data.size() <= kMostText)
      read_text(*keyword, compressed ? inflated(data) : std::string(data));
  }

  int best() const { return chunk != 0 ? chunk : profile != 0 ? profile : xmp; }
};

}  // namespace

PngChunks scan_png_chunks(std::string_view bytes) {
  bytes.remove_prefix(std::min(bytes.size(), kSignature));
  Orientations orientations;
  bool pixels = false, end = false;
  while (!end && bytes.size() >= kChunkFrame) {
    const std::size_t length = big_endian(bytes);
    if (length > bytes.size() - kChunkFrame) break;
    const auto type = bytes.substr(4, 4);
    const bool text = type == "eXIf" || type == "tEXt" || type == "zTXt" || type == "iTXt";
    if (text && checksum_fits(bytes.substr(4, 4 + length), bytes.substr(8 + length)))
      orientations.read(type, bytes.substr(8, length));
    pixels = pixels || type == "IDAT";
    end = type == "IEND";
    bytes.remove_prefix(length + kChunkFrame);
  }
  PngChunks chunks{.orientation = orientations.best(), .missing_end = {}};
  if (!end && pixels && kEnd.starts_with(bytes)) chunks.missing_end = kEnd.substr(bytes.size());
  return chunks;
}

}  // namespace tessera
