#pragma once

#include <functional>
#include <map>
#include <optional>

#include "formats/pytorch_pickle.h"
#include "formats/stored_tensor.h"

namespace tessera {

/// A run of numbers that tensors look into, as the pickle announces it.
struct PytorchStorage {
  std::string key;              ///< names its bytes
  std::string type;             ///< class: "FloatStorage"
  std::int64_t elements = 0;    ///< of the whole storage; bytes if the storage is untyped
  std::int64_t view_begin = 0;  ///< the old form may show only a part, from this element on
};

/// The element type of a storage class; nothing if Tessera has no such type
/// ("ComplexFloatStorage").
std::optional<DType> type_of_storage(const std::string& storage_class);

/// The storage that a persistent value stands for; nothing if it is something else.
std::optional<PytorchStorage> storage_of(const Pickle& pickle, PickleId id);

/// Finds the bytes of a whole storage, or throws FileError.
using StorageFinder = std::function<std::span<const std::byte>(const PytorchStorage&)>;

/// The tensors of every dictionary in the pickle, by path (see PytorchFile::tables). Throws
/// FileError about `path` for a tensor that does not fit its storage.
std::map<std::string, StoredTensors> find_tables(const Pickle& pickle, const StorageFinder& find,
                                                 const fs::path& path);

}  // namespace tessera
