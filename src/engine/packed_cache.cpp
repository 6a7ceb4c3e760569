#include "engine/packed_cache.h"

#include "base/error.h"
#include "base/user_cache.h"

namespace tessera {
namespace {

constexpr std::size_t kKept = 8;
constexpr const char* kExtension = ".packed";

// What another version of the packing kept is not found.
std::string purpose_of(kernels::WeightType type) {
  std::string purpose;
  for (const auto& [key, value] : packed_metadata(type)) purpose += key + "=" + value + "\n";
  return purpose;
}

}  // namespace

PackedCache::PackedCache(const fs::path& model, kernels::WeightType type)
    : path_(user_cache_path(model, purpose_of(type), kExtension)), type_(type) {}

std::optional<SafetensorsFile> PackedCache::find() const {
  std::error_code none;
  if (!path_ || !fs::exists(*path_, none)) return std::nullopt;
  try {
    auto file = SafetensorsFile::open(*path_);
    if (packed_type(file) != type_) return std::nullopt;
    fs::last_write_time(*path_, fs::file_time_type::clock::now(), none);  // used last
    return file;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void PackedCache::keep(const std::vector<MatrixLayout>& layouts,
                       const PackedMatrices& packed) const {
  if (!path_) return;
  std::vector<TensorView> tensors;
  for (std::size_t index = 0; index < layouts.size(); ++index)
    tensors.push_back({layouts[index].name,
                       DType::U8,
                       {static_cast<std::int64_t>(packed.matrices[index].size())},
                       packed.matrices[index]});
  try {
    write_safetensors(*path_, tensors, packed_metadata(type_));
    remove_least_recent(path_->parent_path(), kExtension, kKept);
  } catch (const std::exception&) {
    // A full disk, or a place that cannot be written: the next run packs again.
  }
}

}  // namespace tessera
