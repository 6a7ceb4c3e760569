#pragma once

#include <optional>

#include "engine/generator_packing.h"

namespace tessera {

/// Packed matrices in the user's cache (base/user_cache.h), so that a model that was opened once
/// opens at once. The eight used last are kept.
class PackedCache {
 public:
  /// The entry of a model file and a type.
  PackedCache(const fs::path& model, kernels::WeightType type);

  /// What was kept; nothing if there is none or it cannot be read.
  std::optional<SafetensorsFile> find() const;
  /// Keeps it, if the place can be written; the caller does not depend on it.
  void keep(const std::vector<MatrixLayout>& layouts, const PackedMatrices& packed) const;

 private:
  std::optional<fs::path> path_;
  kernels::WeightType type_;
};

}  // namespace tessera
