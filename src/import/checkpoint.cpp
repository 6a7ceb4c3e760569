#include "import/checkpoint.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace tessera {
namespace {

std::string first_bytes(const fs::path& path, std::size_t count) {
  std::error_code failed;
  if (!fs::exists(path, failed)) throw FileError(path, "does not exist");
  if (!fs::is_regular_file(path, failed)) throw FileError(path, "is not a file");
  std::ifstream file(path, std::ios::binary);
  std::string bytes(count, '\0');
  file.read(bytes.data(), std::ssize(bytes));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

StoredTensor stored(const TensorView& view) {
  std::vector<std::int64_t> strides(view.shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = strides.size(); axis-- > 0; stride *= view.shape[axis])
    strides[axis] = stride;
  return {view.type, view.shape, strides, view.bytes};
}

std::string quoted(const std::string& table) {
  return table.empty() ? "the outermost dictionary" : "'" + table + "'";
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& path) {
  constexpr std::size_t kSafetensorsLength = 8, kEnough = 64;
  const auto begin = first_bytes(path, kEnough);
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  if (PytorchFile::looks_like_one(std::as_bytes(std::span(begin)))) {
    checkpoint.pytorch_ = PytorchFile::open(path);
    checkpoint.tables_ = checkpoint.pytorch_->tables();
  } else if (begin.size() > kSafetensorsLength && begin[kSafetensorsLength] == '{') {
    checkpoint.safetensors_ = SafetensorsFile::open(path);
    for (const auto& view : checkpoint.safetensors_->tensors())
      checkpoint.tables_[""].emplace(view.name, stored(view));
  } else {
    throw FileError(path,
                    "is neither a PyTorch checkpoint nor a safetensors file, by its first bytes");
  }
  return checkpoint;
}

const StoredTensors& Checkpoint::table(const std::vector<std::string>& names) const {
  std::string wanted, found;
  for (const auto& name : names) {
    if (const auto table = tables_.find(name); table != tables_.end()) return table->second;
    wanted += (wanted.empty() ? "" : ", ") + quoted(name);
  }
  constexpr std::size_t kMostShown = 5;
  for (std::size_t shown = 0; const auto& [name, unused] : tables_)
    if (shown++ < kMostShown) found += (found.empty() ? "" : ", ") + json_text(name);
  throw FileError(path_, "holds no tensors in " + wanted +
                             (found.empty() ? ", nor anywhere else" : ", only in " + found));
}

nlohmann::json Checkpoint::source() const {
  return {{"file", path_.filename().string()}, {"sha256", sha256_file(path_)}};
}

}  // namespace tessera
