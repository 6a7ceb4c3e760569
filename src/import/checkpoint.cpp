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

// What the first bytes of a file are of, for those that are often taken for a checkpoint.
std::string kind_by_first_bytes(const std::string& bytes) {
  if (bytes.starts_with("version https://git-lfs")) return "a Git LFS pointer, not the file itself";
  if (bytes.starts_with("<!DOCTYPE") || bytes.starts_with("<html")) return "a web page";
  if (bytes.starts_with("GGUF")) return "a GGUF file";
  if (bytes.starts_with("\x89HDF")) return "an HDF5 file";
  if (bytes.starts_with("\x1f\x8b")) return "compressed with gzip";
  if (bytes.starts_with("{")) return "JSON";
  return "";
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
    checkpoint.safetensors_ = SafetensorsFile::open_foreign(path);
    checkpoint.other_types_ = checkpoint.safetensors_->other_types();
    for (const auto& view : checkpoint.safetensors_->tensors())
      checkpoint.tables_[""].emplace(view.name, stored(view));
  } else {
    const auto kind = kind_by_first_bytes(begin);
    throw FileError(path, "is neither a PyTorch checkpoint nor a safetensors file, " +
                              (kind.empty() ? "by its first bytes" : "but " + kind));
  }
  checkpoint.tables_[""];
  return checkpoint;
}

nlohmann::json Checkpoint::source() const {
  return {{"file", path_.filename().string()}, {"sha256", sha256_file(path_)}};
}

}  // namespace tessera
