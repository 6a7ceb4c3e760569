#include "formats/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 1 << 16;

constexpr std::array<std::pair<DType, std::string_view>, 10> kDescriptions = {
    {{DType::F32, "<f4"},
     {DType::U8, "|u1"},
     {DType::I32, "<i4"},
     {DType::I64, "<i8"},
     {DType::U16, "<u2"},
     {DType::I16, "<i2"},
     {DType::I8, "|i1"},
     {DType::F16, "<f2"},
     {DType::F64, "<f8"},
     {DType::BOOL, "|b1"}}};

// The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const fs::path& path) : text_(text), path_(path) {}

  void read() {
    take('{');
    while (!next_is('}')) {
      read_field();
      if (!next_is('}')) take(',');
    }
    take('}');
    if (descr.empty() || order.empty() || !has_shape) refuse();
  }

  std::string_view descr, order;
  std::vector<std::int64_t> shape;
  bool has_shape = false;

 private:
  [[noreturn]] void refuse() const {
    throw FileError(path_, "is not .npy: its header is malformed");
  }

  bool next_is(char wanted) {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
    return !text_.empty() && text_[0] == wanted;
  }
  void take(char wanted) {
    if (!next_is(wanted)) refuse();
    text_.remove_prefix(1);
  }
  std::string_view take_until(std::string_view ends) {
    const auto end = text_.find_first_of(ends);
    if (end == std::string_view::npos) refuse();
    const auto taken = text_.substr(0, end);
    text_.remove_prefix(end);
    return taken;
  }
  std::string_view take_string() {
    const char quote = next_is('"') ? '"' : '\'';
    take(quote);
    const auto taken = take_until(std::string_view(&quote, 1));
    take(quote);
    return taken;
  }
  void read_field() {
    const auto key = take_string();
    take(':');
    if (key == "descr") {
      if (next_is('[')) throw FileError(path_, "descr", "a record type", "a number type");
      descr = take_string();
    } else if (key == "fortran_order") {
      next_is(' ');
      order = take_until(", }");
    } else if (key == "shape" && !has_shape) {
      read_shape();
    } else {
      refuse();
    }
  }
  void read_shape() {
    has_shape = true;
    take('(');
    while (!next_is(')')) {
      std::int64_t side = -1;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), side);
      if (error != std::errc() || side < 0) refuse();
      shape.push_back(side);
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      if (!next_is(')')) take(',');
    }
    take(')');
  }

  std::string_view text_;
  const fs::path& path_;
};

// Where the header's text lies: after the magic, the version and a length of 2 or 4 bytes.
std::string_view find_header(std::string_view bytes, const fs::path& path) {
  const std::size_t fixed = kMagic.size() + 2;
  if (!bytes.starts_with(kMagic) || bytes.size() < fixed + 4) throw FileError(path, "is not .npy");
  const int version = static_cast<unsigned char>(bytes[kMagic.size()]);
  if (version < 1 || version > 3)
    throw FileError(path, ".npy version", std::to_string(version), "1, 2 or 3");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + fixed, length_bytes);
  const auto rest = bytes.substr(fixed + length_bytes);
  if (length > kMaxHeaderBytes || length > rest.size())
    throw FileError(path, "header length", std::to_string(length),
                    "at most " + std::to_string(std::min(kMaxHeaderBytes, rest.size())));
  return rest.substr(0, length);
}

DType type_from(std::string_view descr, const fs::path& path) {
  for (const auto& [type, description] : kDescriptions)
    // One-byte types have no byte order, and "=" cannot be trusted.
    if (descr == description || (description[0] == '|' && descr.substr(1) == description.substr(1)))
      return type;
  throw FileError(path, "descr", json_text(descr),
                  "a little-endian number type such as '<f4' or '|u1'");
}

std::string make_header(DType type, const std::vector<std::int64_t>& shape) {
  const auto entry = std::find_if(kDescriptions.begin(), kDescriptions.end(),
                                  [&](const auto& candidate) { return candidate.first == type; });
  TESSERA_CHECK(entry != kDescriptions.end());
  std::string sides;
  for (const std::int64_t side : shape) sides += std::to_string(side) + ", ";
  if (shape.size() > 1) sides.resize(sides.size() - 2);
  std::string text = "{'descr': '" + std::string(entry->second) +
                     "', 'fortran_order': False, 'shape': (" + sides + "), }";
  const std::size_t before = kMagic.size() + 4;  // the array begins at a multiple of 64 bytes
  text.resize((before + text.size() + 1 + 63) / 64 * 64 - before - 1, ' ');
  return text + '\n';
}

}  // namespace

NpyFile NpyFile::open(const fs::path& path) {
  NpyFile npy;
  npy.path_ = path;
  npy.file_ = std::make_shared<const MappedFile>(path);
  const auto all = npy.file_->bytes();
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  const auto header_text = find_header(text, path);
  HeaderReader header(header_text, path);
  header.read();
  npy.type_ = type_from(header.descr, path);
  if (header.order != "False")
    throw FileError(path, "is in Fortran order, expected C order (numpy.ascontiguousarray)");
  npy.shape_ = header.shape;
  npy.bytes_ =
      all.subspan(static_cast<std::size_t>(header_text.data() + header_text.size() - text.data()));
  const auto needed = bytes_needed(npy.type_, npy.shape_);
  if (needed != npy.bytes_.size())
    throw FileError(path, "data", std::to_string(npy.bytes_.size()) + " bytes",
                    (needed ? std::to_string(*needed) : std::string("more than memory")) + " for " +
                        name_of(npy.type_) + " " + shape_text(npy.shape_));
  return npy;
}

void write_npy(const fs::path& path, DType type, const std::vector<std::int64_t>& shape,
               std::span<const std::byte> bytes) {
  TESSERA_CHECK(bytes_needed(type, shape) == bytes.size());
  const std::string header = make_header(type, shape);
  TESSERA_CHECK(header.size() <= UINT16_MAX);
  const auto length = static_cast<std::uint16_t>(header.size());
  write_file(path, [&](std::ostream& stream) {
    stream << kMagic << '\x01' << '\0';
    stream.write(reinterpret_cast<const char*>(&length), sizeof length);
    stream << header;
    stream.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  });
}

}  // namespace tessera
