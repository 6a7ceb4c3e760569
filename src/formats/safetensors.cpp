#include "formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "formats/mapped_file.h"

namespace tessera {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "files are little-endian, and so are we");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kAlignment = 64;
constexpr int kMaxDepth = 3;  // header > tensor > shape
constexpr const char* kMetadata = "__metadata__";

json parse_header(std::string_view text, const fs::path& path) {
  std::vector<std::set<std::string>> names(kMaxDepth + 1);
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    const auto level = static_cast<std::size_t>(depth);
    if (depth > kMaxDepth) throw FileError(path, "header nests deeper than safetensors does");
    if (event == json::parse_event_t::object_start && level < kMaxDepth) names[level + 1].clear();
    if (event == json::parse_event_t::key && !names[level].insert(value).second)
      throw FileError(path, "header holds the name " + json_text(value) + " twice");
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception&) {
    throw FileError(path, "is not a safetensors file: its header is not JSON");
  }
}

std::string_view find_header(std::span<const std::byte> bytes, const fs::path& path) {
  std::uint64_t length = 0;
  if (bytes.size() < kLengthBytes)
    throw FileError(path, "is not a safetensors file: " + std::to_string(bytes.size()) + " bytes");
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes)
    throw FileError(path, "is not a safetensors file: header length is " + std::to_string(length) +
                              ", expected at most " + std::to_string(kMaxHeaderBytes));
  if (length > bytes.size() - kLengthBytes)
    throw FileError(path, "is truncated: header length is " + std::to_string(length) + ", but " +
                              std::to_string(bytes.size() - kLengthBytes) + " bytes follow");
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
          static_cast<std::size_t>(length)};
}

std::map<std::string, std::string> read_metadata(const json& header, const fs::path& path) {
  std::map<std::string, std::string> metadata;
  const auto found = header.find(kMetadata);
  if (found == header.end()) return metadata;
  if (!found->is_object()) throw FileError(path, kMetadata, json_text(*found), "an object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string())
      throw FileError(path, "metadata " + json_text(key), json_text(value), "a string");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// One entry of the header; `data` is all that follows the header. With `other_types` a type that
// Tessera does not read is noted there, and the tensor is taken as bytes.
TensorView read_tensor(const std::string& name, const json& entry, std::span<const std::byte> data,
                       const fs::path& path, std::map<std::string, std::string>* other_types) {
  const std::string where = "tensor " + json_text(name);
  const auto field = [&](const char* key) -> const json& {
    if (!entry.is_object() || !entry.contains(key)) throw FileError(path, where + " has no " + key);
    return entry[key];
  };
  const auto sizes = [&](const char* key) {
    std::vector<std::int64_t> values;
    const json& list = field(key);
    if (!list.is_array()) throw FileError(path, where + ": " + key, json_text(list), "a list");
    for (const auto& item : list) {
      if (!item.is_number_unsigned() || item.get<std::uint64_t>() > INT64_MAX)
        throw FileError(path, where + ": " + key, json_text(list),
                        "whole numbers from 0 to 2^63 - 1");
      values.push_back(item.get<std::int64_t>());
    }
    return values;
  };
  const json& dtype = field("dtype");
  const auto type = dtype_from_name(dtype.is_string() ? dtype.get<std::string>() : "");
  if (!type && !(other_types && dtype.is_string()))
    throw FileError(path, where + ": dtype", json_text(dtype), "one that Tessera reads (F32, ..)");
  const auto shape = sizes("shape");
  const auto offsets = sizes("data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    throw FileError(path, where + ": data_offsets", shape_text(offsets), "[begin, end]");
  const auto begin = static_cast<std::size_t>(offsets[0]),
             end = static_cast<std::size_t>(offsets[1]);
  if (end > data.size())
    throw FileError(path, "is truncated: " + where + " ends at byte " + std::to_string(end) +
                              " of the data, of which there are " + std::to_string(data.size()));
  if (!type) {
    other_types->emplace(name, dtype.get<std::string>());
    return {name, DType::U8, {offsets[1] - offsets[0]}, data.subspan(begin, end - begin)};
  }
  const auto needed = bytes_needed(*type, shape);
  if (!needed)
    throw FileError(path, where + ": shape", shape_text(shape), "one that fits in memory");
  if (*needed != end - begin)
    throw FileError(path, where + ": size", std::to_string(end - begin) + " bytes",
                    std::to_string(*needed) + " for " + name_of(*type) + " " + shape_text(shape));
  return {name, *type, shape, data.subspan(begin, end - begin)};
}

// Sorted by place, the tensors must tile the data: each begins where the one before ends.
void check_tiling(const std::vector<TensorView>& tensors, std::span<const std::byte> data,
                  const fs::path& path) {
  std::size_t expected = 0;
  for (const auto& tensor : tensors) {
    const auto begin = static_cast<std::size_t>(tensor.bytes.data() - data.data());
    if (begin != expected)
      throw FileError(path, "tensor " + json_text(tensor.name) + ": data_offsets",
                      "a start at byte " + std::to_string(begin) +
                          (begin < expected ? ", inside another tensor" : ", after a gap"),
                      "byte " + std::to_string(expected));
    expected += tensor.bytes.size();
  }
  if (expected != data.size())
    throw FileError(path, "data", std::to_string(data.size()) + " bytes",
                    std::to_string(expected) + ", as the header says");
}

std::string make_header(const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::size_t offset = 0;
  for (const auto& tensor : tensors) {
    const auto size = bytes_needed(tensor.type, tensor.shape);
    TESSERA_CHECK(size && tensor.name != kMetadata && !header.contains(tensor.name));
    header[tensor.name] = {{"dtype", name_of(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + *size}}};
    offset += *size;
  }
  std::string text = json_text(header);
  text.resize(
      (kLengthBytes + text.size() + kAlignment - 1) / kAlignment * kAlignment - kLengthBytes, ' ');
  return text;
}

}  // namespace

struct SafetensorsFile::Impl {
  explicit Impl(const fs::path& file_path) : path(file_path), file(file_path) {}
  fs::path path;
  MappedFile file;
  std::map<std::string, std::string> metadata, other_types;
  std::vector<TensorView> tensors;
  std::map<std::string, std::size_t> index;
};

SafetensorsFile SafetensorsFile::open(const fs::path& path) { return open(path, false); }

SafetensorsFile SafetensorsFile::open_foreign(const fs::path& path) { return open(path, true); }

SafetensorsFile SafetensorsFile::open(const fs::path& path, bool foreign) {
  const auto impl = std::make_shared<Impl>(path);
  const auto text = find_header(impl->file.bytes(), path);
  const json header = parse_header(text, path);
  if (!header.is_object())
    throw FileError(path, "is not a safetensors file: its header is not an object");
  const auto data = impl->file.bytes().subspan(kLengthBytes + text.size());
  impl->metadata = read_metadata(header, path);
  for (const auto& [name, entry] : header.items())
    if (name != kMetadata)
      impl->tensors.push_back(
          read_tensor(name, entry, data, path, foreign ? &impl->other_types : nullptr));
  std::sort(impl->tensors.begin(), impl->tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  check_tiling(impl->tensors, data, path);
  std::erase_if(impl->tensors,
                [&](const auto& tensor) { return impl->other_types.contains(tensor.name); });
  for (const auto& tensor : impl->tensors) impl->index.emplace(tensor.name, impl->index.size());
  SafetensorsFile file;
  file.impl_ = impl;
  return file;
}

const fs::path& SafetensorsFile::path() const { return impl_->path; }

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return impl_->metadata;
}

const std::vector<TensorView>& SafetensorsFile::tensors() const { return impl_->tensors; }

const std::map<std::string, std::string>& SafetensorsFile::other_types() const {
  return impl_->other_types;
}

bool SafetensorsFile::contains(const std::string& name) const {
  return impl_->index.contains(name);
}

const TensorView& SafetensorsFile::at(const std::string& name) const {
  const auto found = impl_->index.find(name);
  if (found == impl_->index.end())
    throw FileError(impl_->path, "holds no tensor " + json_text(name));
  return impl_->tensors[found->second];
}

const std::string& SafetensorsFile::metadata_at(const std::string& key) const {
  const auto found = impl_->metadata.find(key);
  if (found == impl_->metadata.end())
    throw FileError(impl_->path, "holds no metadata " + json_text(key));
  return found->second;
}

void stream_safetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  const std::uint64_t length = header.size();
  write_file(path, [&](std::ostream& stream) {
    stream.write(reinterpret_cast<const char*>(&length), kLengthBytes);
    stream.write(header.data(), std::ssize(header));
    std::vector<float> buffer;
    for (const auto& tensor : tensors) {
      const auto bytes = tensor.bytes(buffer);
      TESSERA_CHECK(bytes.size() == bytes_needed(tensor.type, tensor.shape));
      stream.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    }
  });
}

void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorToWrite> at_hand;
  for (const auto& tensor : tensors)
    at_hand.push_back({tensor.name, tensor.type, tensor.shape,
                       [&tensor](std::vector<float>&) { return tensor.bytes; }});
  stream_safetensors(path, at_hand, metadata);
}

}  // namespace tessera
