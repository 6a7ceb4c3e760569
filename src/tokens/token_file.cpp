#include "tokens/token_file.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>
#include <set>

#include "base/class_names.h"
#include "base/error.h"

namespace tessera {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "tessera.tokens/1";
constexpr int kMaxU16Codebook = 65536;
constexpr int kMaxSide = 4096;         // of the grid
constexpr int kMaxCodebook = 1 << 24;  // float32 counts exactly up to here

// Bytes of a foreign file need not be aligned.
template <typename T>
int load(std::span<const std::byte> bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return static_cast<int>(value);
}

std::optional<int> whole_number(std::string_view text, int highest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good && value >= 1 && value <= highest ? std::optional(value) : std::nullopt;
}

json json_field(const SafetensorsFile& file, const std::string& key) {
  try {
    return json::parse(file.metadata_at(key));
  } catch (const json::exception&) {
    throw FileError(file.path(), key, json_text(file.metadata_at(key)), "JSON");
  }
}

void read_grid(const SafetensorsFile& file, TokenHeader& header) {
  const std::string_view grid = file.metadata_at("grid");
  const auto cross = grid.find('x');
  const auto rows = whole_number(grid.substr(0, cross), kMaxSide);
  const auto columns = cross == std::string_view::npos
                           ? std::nullopt
                           : whole_number(grid.substr(cross + 1), kMaxSide);
  if (!rows || !columns)
    throw FileError(file.path(), "grid", json_text(std::string(grid)),
                    "rows x columns such as 16x16");
  header.grid_rows = *rows;
  header.grid_columns = *columns;
}

TokenHeader read_header(const SafetensorsFile& file) {
  const auto& path = file.path();
  if (const auto& format = file.metadata_at("format"); format != kFormat)
    throw FileError(path, "format", json_text(format), kFormat);
  TokenHeader header;
  read_grid(file, header);
  const auto& size = file.metadata_at("codebook_size");
  const auto codebook_size = whole_number(size, kMaxCodebook);
  if (!codebook_size) throw FileError(path, "codebook_size", json_text(size), "1 to 16777216");
  header.codebook_size = *codebook_size;
  header.tokenizer_hash = file.metadata_at("tokenizer");
  if (header.tokenizer_hash.size() != 64 ||
      header.tokenizer_hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw FileError(path, "tokenizer", json_text(header.tokenizer_hash), "64 hexadecimal digits");
  try {
    header.class_names = json_field(file, "classes").get<std::vector<std::string>>();
  } catch (const json::exception&) {
    throw FileError(path, "classes", json_text(file.metadata_at("classes")), "a list of names");
  }
  header.made_by = json_field(file, "made_by");
  header.data = file.metadata_at("data");
  return header;
}

// "tensor codes is F32 [3], expected ..." unless type and rank are right.
TensorView typed_tensor(const SafetensorsFile& file, const std::string& name,
                        std::initializer_list<DType> types, std::size_t rank,
                        const std::string& expected) {
  const auto& tensor = file.at(name);
  if (std::find(types.begin(), types.end(), tensor.type) == types.end() ||
      tensor.shape.size() != rank)
    throw FileError(file.path(), "tensor " + name,
                    name_of(tensor.type) + " " + shape_text(tensor.shape), expected);
  return tensor;
}

}  // namespace

TokenFile TokenFile::open(const fs::path& path) {
  TokenFile tokens;
  tokens.file_ = SafetensorsFile::open(path);
  const auto& file = *tokens.file_;
  tokens.header_ = read_header(file);
  const auto codes =
      typed_tensor(file, "codes", {DType::U16, DType::I32}, 3,
                   "U16 or I32 [images, crops, " + std::to_string(tokens.tokens_per_image()) + "]");
  if (codes.shape[2] != tokens.tokens_per_image())
    throw FileError(path, "tensor codes", shape_text(codes.shape),
                    std::to_string(tokens.tokens_per_image()) + " tokens per image, as grid says");
  tokens.images_ = codes.shape[0];
  tokens.crops_ = codes.shape[1];
  if (tokens.images_ == 0 || tokens.crops_ == 0) throw FileError(path, "holds no images");
  const auto labels = typed_tensor(file, "labels", {DType::I32}, 1, "I32 [images]");
  if (labels.shape[0] != tokens.images_)
    throw FileError(path, "tensor labels", shape_text(labels.shape),
                    "one for each of " + std::to_string(tokens.images_) + " images");
  tokens.code_type_ = codes.type;
  tokens.codes_ = codes.bytes;
  tokens.labels_ = labels.bytes;
  tokens.check_values();
  return tokens;
}

void TokenFile::check_values() const {
  const auto refuse = [&](const std::string& what, std::size_t index, int found,
                          std::size_t limit) {
    throw FileError(path(), what + " " + std::to_string(index), std::to_string(found),
                    "0 to " + std::to_string(limit - 1));
  };
  const auto check_codes = [&]<typename T>(T) {
    for (std::size_t i = 0; i < codes_.size() / sizeof(T); ++i)
      if (const int found = load<T>(codes_, i); found < 0 || found >= codebook_size())
        refuse("code", i, found, static_cast<std::size_t>(codebook_size()));
  };
  code_type_ == DType::U16 ? check_codes(std::uint16_t{}) : check_codes(std::int32_t{});
  const std::size_t classes = class_names().size();
  if (classes == 0) throw FileError(path(), "classes", "empty", "at least one name");
  for (std::size_t i = 0; i < static_cast<std::size_t>(images_); ++i)
    if (const int found = load<std::int32_t>(labels_, i);
        found < 0 || static_cast<std::size_t>(found) >= classes)
      refuse("label", i, found, classes);
}

int TokenFile::code(std::int64_t image, std::int64_t crop, int position) const {
  TESSERA_CHECK(image >= 0 && image < images_ && crop >= 0 && crop < crops_);
  TESSERA_CHECK(position >= 0 && position < tokens_per_image());
  const auto index =
      static_cast<std::size_t>((image * crops_ + crop) * tokens_per_image() + position);
  return code_type_ == DType::U16 ? load<std::uint16_t>(codes_, index)
                                  : load<std::int32_t>(codes_, index);
}

int TokenFile::label(std::int64_t image) const {
  TESSERA_CHECK(image >= 0 && image < images_);
  const int stored = load<std::int32_t>(labels_, static_cast<std::size_t>(image));
  return class_places_.empty() ? stored : class_places_[static_cast<std::size_t>(stored)];
}

std::optional<TokenFile> TokenFile::with_classes(const std::vector<std::string>& class_names,
                                                 std::vector<std::string>& missing) const {
  const auto places = match_classes(header_.class_names, class_names);
  std::set<int> unknown;
  for (std::int64_t image = 0; image < images_; ++image)
    if (const int known = label(image); places[static_cast<std::size_t>(known)] < 0)
      unknown.insert(known);
  for (const int known : unknown)
    missing.push_back(header_.class_names[static_cast<std::size_t>(known)]);
  if (!unknown.empty()) return std::nullopt;
  TokenFile result = *this;
  if (class_places_.empty()) {
    result.class_places_.resize(places.size());
    std::iota(result.class_places_.begin(), result.class_places_.end(), 0);
  }
  for (auto& place : result.class_places_)  // a class of no image may have no place
    place = std::max(0, places[static_cast<std::size_t>(place)]);
  result.header_.class_names = class_names;
  return result;
}

void TokenFile::read_codes(std::int64_t image, std::int64_t crop,
                           std::span<std::int64_t> codes) const {
  TESSERA_CHECK(std::ssize(codes) == tokens_per_image());
  for (int position = 0; position < tokens_per_image(); ++position)
    codes[static_cast<std::size_t>(position)] = code(image, crop, position);
}

void write_tokens(const fs::path& path, const TokenSet& tokens) {
  const auto& header = tokens.header;
  const auto images = std::ssize(tokens.labels);
  const std::int64_t length = header.tokens_per_image();
  TESSERA_CHECK(std::ssize(tokens.codes) == images * tokens.crops * length);
  for (const int code : tokens.codes) TESSERA_CHECK(code >= 0 && code < header.codebook_size);
  std::vector<std::uint16_t> narrow;
  const bool fits = header.codebook_size <= kMaxU16Codebook;
  if (fits) narrow.assign(tokens.codes.begin(), tokens.codes.end());
  // Labels first: codes of two bytes would leave them unaligned.
  write_safetensors(
      path,
      {{"labels", DType::I32, {images}, std::as_bytes(std::span(tokens.labels))},
       {"codes",
        fits ? DType::U16 : DType::I32,
        {images, tokens.crops, length},
        fits ? std::as_bytes(std::span(narrow)) : std::as_bytes(std::span(tokens.codes))}},
      {{"format", kFormat},
       {"tokenizer", header.tokenizer_hash},
       {"grid", std::to_string(header.grid_rows) + "x" + std::to_string(header.grid_columns)},
       {"codebook_size", std::to_string(header.codebook_size)},
       {"classes", json_text(header.class_names)},
       {"made_by", json_text(header.made_by)},
       {"data", header.data}});
}

}  // namespace tessera
