#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/thread_pool.h"
#include "engine/aligned_buffer.h"
#include "engine/generator_packing.h"

namespace tessera {

/// A transformer's weights as its kernels read them. What multiplies whole vectors is packed;
/// embeddings, of which a step looks up single rows, and norms stay as the model folder holds them.
class GeneratorWeights {
 public:
  /// Opens a generator's model folder. Matrices are packed as `type` (absent: as `tessera quantize`
  /// packed the folder, else in the recipe's precision), or taken as they were packed the last time
  /// (packed_cache.h). Throws FileError for anything that is
  /// missing, unknown, misshapen or not finite, and for a folder packed as another type.
  static GeneratorWeights open(const fs::path& folder, std::optional<kernels::WeightType> type,
                               ThreadPool& pool);
  /// Random weights of this shape, for benchmarks.
  static GeneratorWeights random(const GeneratorConfig& config, const GeneratorShape& shape,
                                 kernels::WeightType type, ThreadPool& pool);

  struct Layer {
    const float *attention_norm, *ffn_norm;  ///< [dim]
    const float *query_norm, *key_norm;      ///< [head size], null without QK-norm
    kernels::PackedMatrix qkv, attention_output, gates, down;  ///< see matrices_of
  };

  const ModelConfig& config() const { return config_; }
  const GeneratorConfig& transformer() const { return config_.recipe.generator; }
  const GeneratorShape& shape() const { return shape_; }
  kernels::WeightType type() const { return type_; }
  const std::vector<Layer>& layers() const { return layers_; }
  const kernels::PackedMatrix& head() const { return head_; }  ///< [vocabulary, dim]
  const float* final_norm() const { return plain_.at("norm.weight"); }
  const float* class_embedding(std::int32_t label) const;  ///< `classes` is the null class
  const float* token_embedding(std::int32_t token) const;

  /// Bytes that a step must read, however many rows it has: the matrices.
  std::size_t bytes_per_step() const;
  /// Memory that the weights take, mapped or not: the matrices, embeddings and norms.
  std::size_t bytes_held() const;

 private:
  GeneratorWeights(ModelConfig config, const GeneratorShape& shape, kernels::WeightType type)
      : config_(std::move(config)), shape_(shape), type_(type) {}
  void map_plain(const SafetensorsFile& file);
  void map_packed(const SafetensorsFile& file);
  void arrange(const std::vector<std::span<const std::byte>>& matrices);

  ModelConfig config_;
  GeneratorShape shape_;
  kernels::WeightType type_;
  std::map<std::string, const float*> plain_;
  std::vector<Layer> layers_;
  kernels::PackedMatrix head_ = {};
  // What these lie in: mapped files, or memory.
  std::vector<FloatTensor> tensors_;
  std::optional<SafetensorsFile> packed_file_;
  AlignedBuffer packed_, random_;
};

/// `automatic` is bf16 where the processor multiplies bf16 numbers, else float32.
kernels::WeightType weight_type_of(Precision precision);

}  // namespace tessera
