#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/float_tensor.h"
#include "kernels/matmul.h"
#include "models/generator_folder.h"

namespace tessera {

/// Outputs of w1, and then of w3, in one panel of the matrix that holds both: a panel's task has
/// each gate beside what it gates.
constexpr std::size_t kGatesPerPanel = 32;

/// One matrix that the engine packs, made of one tensor, or of two whose rows take turns.
struct MatrixLayout {
  std::string name;                  ///< of the packed tensor
  std::vector<std::string> sources;  ///< tensors of the model folder
  std::size_t source_rows, inputs;   ///< shape of each source

  /// Rows of the packed matrix.
  std::size_t outputs() const;
};

/// Every matrix of the transformer, four a layer (queries, keys and values; what attention adds;
/// gates and what they gate; what the feed-forward layer adds) and then the head.
std::vector<MatrixLayout> matrices_of(const GeneratorConfig& config, const GeneratorShape& shape);
constexpr std::size_t kMatricesPerLayer = 4;

/// The tensors that stay as they are: embeddings and norms, with their shapes.
struct PlainTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};
std::vector<PlainTensor> plain_tensors_of(const GeneratorConfig& config,
                                          const GeneratorShape& shape);

/// The rows [64, inputs] of a panel of a matrix, rows that the matrix does not have as zeros.
/// `sources` are the tensors of layout.sources.
void gather_panel(const MatrixLayout& layout, std::span<const FloatTensor> sources,
                  std::size_t panel, std::span<float> rows);

/// A packed matrix of this layout whose bytes are elsewhere.
kernels::PackedMatrix packed_matrix(const MatrixLayout& layout, kernels::WeightType type,
                                    const std::byte* bytes);

}  // namespace tessera
