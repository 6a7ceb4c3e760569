#include "formats/pytorch_file.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "formats/pytorch_tables.h"
#include "formats/pytorch_zip.h"

namespace tessera {
namespace {

using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The magic number 0x1950a86a20f9469cfc6c of the old form, pickled.
constexpr std::string_view kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kOldProtocol = 1001;

bool is_zip(Bytes bytes) { return text_of(bytes).starts_with("PK\x03\x04"); }

// The pickle of the magic number, whatever the protocol frames it with.
bool is_old(Bytes bytes) {
  return text_of(bytes).starts_with('\x80') &&
         text_of(bytes).substr(0, 32).find(kMagic) != std::string_view::npos;
}

[[noreturn]] void refuse_big_endian(const fs::path& path) {
  throw FileError(path, "byte order", "big", "little: save it again on such a machine");
}

void check_storage(const PytorchStorage& storage, Bytes bytes, const fs::path& path) {
  const auto type = type_of_storage(storage.type);
  const auto needed = type ? bytes_needed(*type, {storage.elements}) : std::nullopt;
  if (!needed || *needed != bytes.size())
    throw FileError(path, "storage " + json_text(storage.key),
                    std::to_string(bytes.size()) + " bytes",
                    std::to_string(storage.elements) + " elements of " + json_text(storage.type));
}

// {root}/data.pkl, {root}/byteorder, {root}/data/{key}: caffe2/serialize/inline_container.h.
std::map<std::string, StoredTensors> read_zip_form(Bytes bytes, const fs::path& path) {
  const auto entries = read_zip(bytes, path);
  const auto pickled = std::find_if(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.first == "data.pkl" || entry.first.ends_with("/data.pkl");
  });
  if (pickled == entries.end())
    throw FileError(path, "is a zip archive without data.pkl, so no PyTorch checkpoint");
  const auto root = pickled->first.substr(0, pickled->first.size() - std::strlen("data.pkl"));
  if (entries.contains(root + "constants.pkl"))
    throw FileError(path, "is a TorchScript program, expected a checkpoint written by torch.save");
  if (const auto order = entries.find(root + "byteorder");
      order != entries.end() && text_of(order->second) == "big")
    refuse_big_endian(path);
  const auto find = [&](const PytorchStorage& storage) {
    const auto found = entries.find(root + "data/" + storage.key);
    if (found == entries.end()) throw FileError(path, "holds no storage " + json_text(storage.key));
    check_storage(storage, found->second, path);
    return found->second;
  };
  return find_tables(Pickle::read(pickled->second, path), find, path);
}

// The old form: five pickles (magic number, protocol, system, object, keys of storages), then each
// storage as its number of elements (int64) and its bytes. torch/serialization.py, _legacy_save.
class OldForm {
 public:
  OldForm(Bytes bytes, const fs::path& path) : bytes_(bytes), path_(path) {}

  std::map<std::string, StoredTensors> read() {
    next_pickle();  // the magic number, which is_old has seen
    const auto protocol = next_pickle();
    if (protocol[protocol.root()].integer != kOldProtocol)
      throw FileError(path_, "protocol", std::to_string(protocol[protocol.root()].integer),
                      std::to_string(kOldProtocol));
    check_system(next_pickle());
    const auto object = next_pickle();
    read_storages(object, next_pickle());
    return find_tables(
        object,
        [&](const PytorchStorage& storage) {
          const auto found = storages_.find(storage.key);
          if (found == storages_.end())
            throw FileError(path_, "holds no storage " + json_text(storage.key));
          return found->second;
        },
        path_);
  }

 private:
  Pickle next_pickle() {
    auto pickle = Pickle::read(bytes_.subspan(at_), path_);
    at_ += pickle.size();
    return pickle;
  }

  void check_system(const Pickle& system) {
    const auto& entries = system[system.root()].items;
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2)
      if (system.text(entries[i]) == "little_endian" && !system[entries[i + 1]].integer)
        refuse_big_endian(path_);
  }

  // Every storage that the object mentions, by key.
  std::map<std::string, PytorchStorage> announced(const Pickle& object) {
    std::map<std::string, PytorchStorage> storages;
    for (PickleId id = 0; id < object.values(); ++id)
      if (auto storage = storage_of(object, id)) storages.emplace(storage->key, *storage);
    return storages;
  }

  void read_storages(const Pickle& object, const Pickle& keys) {
    const auto known = announced(object);
    for (const auto id : keys.sequence(keys.root())) {
      const auto found = known.find(std::string(keys.text(id)));
      if (found == known.end())
        throw FileError(path_,
                        "holds a storage that no tensor mentions, so where it ends is unknown");
      auto storage = found->second;
      storage.elements = static_cast<std::int64_t>(number());
      const auto type = type_of_storage(storage.type);
      const auto needed = type ? bytes_needed(*type, {storage.elements}) : std::nullopt;
      if (!needed)
        throw FileError(path_, "storage " + json_text(storage.key), json_text(storage.type),
                        "one of a type that Tessera reads");
      storages_[storage.key] = take(*needed);
    }
  }

  Bytes take(std::size_t count) {
    if (count > bytes_.size() - at_)
      throw FileError(path_, "is truncated: a storage of " + std::to_string(count) +
                                 " bytes begins " + std::to_string(bytes_.size() - at_) +
                                 " bytes before the end");
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  std::uint64_t number() {
    std::uint64_t value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  Bytes bytes_;
  const fs::path& path_;
  std::size_t at_ = 0;
  std::map<std::string, Bytes> storages_;
};

}  // namespace

bool PytorchFile::looks_like_one(Bytes bytes) { return is_zip(bytes) || is_old(bytes); }

PytorchFile PytorchFile::open(const fs::path& path) {
  PytorchFile file;
  file.path_ = path;
  file.file_ = std::make_shared<MappedFile>(path);
  const auto bytes = file.file_->bytes();
  if (!looks_like_one(bytes))
    throw FileError(path, "is no PyTorch checkpoint: neither its zip form nor the one before it");
  file.tables_ = is_zip(bytes) ? read_zip_form(bytes, path) : OldForm(bytes, path).read();
  return file;
}

}  // namespace tessera
