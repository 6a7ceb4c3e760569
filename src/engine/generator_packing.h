#pragma once

#include "base/thread_pool.h"
#include "engine/aligned_buffer.h"
#include "engine/generator_layout.h"

namespace tessera {

/// Matrices packed one after the other, in memory.
struct PackedMatrices {
  AlignedBuffer bytes;
  std::vector<std::span<const std::byte>> matrices;  ///< in the order of their layouts
};

/// Fills the rows [64, inputs] of a panel of a matrix; called by several threads at once.
using PanelSource = std::function<void(std::size_t panel, std::span<float>)>;
/// The panels of matrix `index`, in memory until they are let go.
using MatrixSource = std::function<PanelSource(std::size_t index)>;

/// Packs (and quantises) every matrix, one after the other.
PackedMatrices pack_matrices(const std::vector<MatrixLayout>& layouts, kernels::WeightType type,
                             const MatrixSource& source, ThreadPool& pool);

/// The matrices of a model folder. Opening one throws FileError when a tensor is missing or
/// misshapen; reading a panel, when a value is not finite.
MatrixSource matrices_in(const SafetensorsFile& file, const std::vector<MatrixLayout>& layouts);

/// Metadata of a safetensors file with packed matrices (docs/formats/packed.md).
std::map<std::string, std::string> packed_metadata(kernels::WeightType type);
/// The type of the packed matrices that the file holds; nothing when its matrices are plain. Throws
/// FileError for a type or a version of packing that is not known.
std::optional<kernels::WeightType> packed_type(const SafetensorsFile& file);
/// The matrices of a packed file. Throws FileError when one is missing or of another size.
std::vector<std::span<const std::byte>> packed_matrices(const SafetensorsFile& file,
                                                        const std::vector<MatrixLayout>& layouts,
                                                        kernels::WeightType type);

/// "float32", "bf16", "int8" or "int4".
const char* name_of(kernels::WeightType type);
/// Throws Error about `where` for any other name.
kernels::WeightType weight_type_named(const std::string& name, const std::string& where);

}  // namespace tessera
