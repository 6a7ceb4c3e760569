#include "engine/generator_weights.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "engine/packed_cache.h"
#include "kernels/instruction_set.h"

namespace tessera {
namespace {

using kernels::WeightType;

constexpr const char* kClassTable = "cls_embedding.embedding_table.weight";
constexpr const char* kTokenTable = "tok_embeddings.weight";

std::size_t count_of(const PlainTensor& tensor) {
  std::size_t count = 1;
  for (const auto side : tensor.shape) count *= static_cast<std::size_t>(side);
  return count;
}

// Four uniform numbers from one draw, summed: near enough to a normal distribution.
void fill_random(Rng& rng, float deviation, std::span<float> values) {
  for (auto& value : values) {
    const auto bits = rng.next();
    float sum = -2;
    for (int part = 0; part < 4; ++part)
      sum += static_cast<float>(bits >> (16 * part) & 0xffff) * 0x1p-16f;
    value = sum * deviation * std::sqrt(3.0f);
  }
}

// A packed file holds what the layouts and the plain tensors name, and nothing else.
void refuse_unknown(const SafetensorsFile& file, const std::vector<MatrixLayout>& layouts,
                    const std::vector<PlainTensor>& plain) {
  for (const auto& tensor : file.tensors()) {
    const auto names = [&](const auto& known) { return known.name == tensor.name; };
    if (std::none_of(layouts.begin(), layouts.end(), names) &&
        std::none_of(plain.begin(), plain.end(), names))
      throw FileError(file.path(), "tensor '" + tensor.name + "' is not known");
  }
}

}  // namespace

GeneratorWeights GeneratorWeights::open(const fs::path& folder, std::optional<WeightType> type,
                                        ThreadPool& pool) {
  auto config = read_model_config(folder, "generator");
  const auto shape = shape_of(config, folder);
  const auto file = open_model_weights(folder);
  const auto layouts = matrices_of(config.recipe.generator, shape);
  if (const auto packed = packed_type(file)) {
    if (type && *type != *packed)
      throw FileError(file.path(), "weights", name_of(*packed),
                      std::string(name_of(*type)) + ", as asked for");
    GeneratorWeights weights(std::move(config), shape, *packed);
    refuse_unknown(file, layouts, plain_tensors_of(weights.transformer(), shape));
    weights.map_plain(file);
    weights.map_packed(file);
    return weights;
  }
  check_parameters(file, count_parameters(config.recipe.generator, shape));
  const auto precise = weight_type_of(config.recipe.generator_training.precision);
  GeneratorWeights weights(std::move(config), shape, type.value_or(precise));
  weights.map_plain(file);
  const PackedCache cache(file.path(), weights.type());
  if (const auto kept = cache.find()) {
    weights.map_packed(*kept);
    return weights;
  }
  for (const auto& tensor : weights.tensors_) {
    tensor.require_finite();
    tensor.forget();
  }
  auto packed = pack_matrices(layouts, weights.type(), matrices_in(file, layouts), pool);
  cache.keep(layouts, packed);
  weights.arrange(packed.matrices);
  weights.packed_ = std::move(packed.bytes);
  return weights;
}

GeneratorWeights GeneratorWeights::random(const GeneratorConfig& config,
                                          const GeneratorShape& shape, WeightType type,
                                          ThreadPool& pool) {
  constexpr float kDeviation = 0.02f;
  ModelConfig model;
  model.kind = "generator";
  model.recipe.generator = config;
  model.class_names.resize(static_cast<std::size_t>(shape.classes));
  GeneratorWeights weights(std::move(model), shape, type);
  const auto plain = plain_tensors_of(config, shape);
  std::size_t total = 0;
  for (const auto& tensor : plain) total += count_of(tensor);
  weights.random_ = AlignedBuffer(total * sizeof(float));
  auto* at = reinterpret_cast<float*>(weights.random_.data());
  Rng rng(1);
  for (const auto& tensor : plain) {
    const std::span<float> values(at, count_of(tensor));
    if (tensor.shape.size() == 1)
      std::fill(values.begin(), values.end(), 1.0f);
    else
      fill_random(rng, kDeviation, values);
    weights.plain_[tensor.name] = at;
    at += values.size();
  }
  auto packed = pack_matrices(
      matrices_of(config, shape), type,
      [](std::size_t index) {
        return [index](std::size_t panel, std::span<float> rows) {
          Rng own(mix({index, panel}));
          fill_random(own, kDeviation, rows);
        };
      },
      pool);
  weights.arrange(packed.matrices);
  weights.packed_ = std::move(packed.bytes);
  return weights;
}

void GeneratorWeights::map_plain(const SafetensorsFile& file) {
  for (const auto& [name, sides] : plain_tensors_of(transformer(), shape_)) {
    tensors_.emplace_back(file, name, sides);
    plain_[name] = tensors_.back().data();
  }
}

void GeneratorWeights::map_packed(const SafetensorsFile& file) {
  packed_file_ = file;
  arrange(packed_matrices(file, matrices_of(transformer(), shape_), type_));
}

void GeneratorWeights::arrange(const std::vector<std::span<const std::byte>>& matrices) {
  const auto layouts = matrices_of(transformer(), shape_);
  TESSERA_CHECK(layouts.size() == matrices.size());
  const auto matrix = [&](std::size_t index) {
    return packed_matrix(layouts[index], type_, matrices[index].data());
  };
  const auto norm = [&](int layer, const char* name) -> const float* {
    const auto found = plain_.find("layers." + std::to_string(layer) + "." + name + ".weight");
    return found == plain_.end() ? nullptr : found->second;
  };
  for (int layer = 0; layer < transformer().layers; ++layer) {
    const auto first = static_cast<std::size_t>(layer) * kMatricesPerLayer;
    layers_.push_back({.attention_norm = norm(layer, "attention_norm"),
                       .ffn_norm = norm(layer, "ffn_norm"),
                       .query_norm = norm(layer, "attention.q_norm"),
                       .key_norm = norm(layer, "attention.k_norm"),
                       .qkv = matrix(first),
                       .attention_output = matrix(first + 1),
                       .gates = matrix(first + 2),
                       .down = matrix(first + 3)});
  }
  head_ = matrix(layouts.size() - 1);
}

const float* GeneratorWeights::class_embedding(std::int32_t label) const {
  TESSERA_CHECK(label >= 0 && label <= shape_.classes);
  return plain_.at(kClassTable) + std::int64_t{label} * transformer().dim;
}

const float* GeneratorWeights::token_embedding(std::int32_t token) const {
  TESSERA_CHECK(token >= 0 && token < shape_.vocabulary);
  return plain_.at(kTokenTable) + std::int64_t{token} * transformer().dim;
}

std::size_t GeneratorWeights::bytes_held() const {
  std::size_t bytes = bytes_per_step();
  for (const auto& tensor : plain_tensors_of(transformer(), shape_))
    bytes += count_of(tensor) * sizeof(float);
  return bytes;
}

std::size_t GeneratorWeights::bytes_per_step() const {
  std::size_t bytes = 0;
  for (const auto& layout : matrices_of(transformer(), shape_))
    bytes += kernels::packed_bytes(type_, layout.outputs(), layout.inputs);
  return bytes;
}

WeightType weight_type_of(Precision precision) {
  const bool fast = kernels::instruction_set() == kernels::InstructionSet::avx512bf16;
  return precision == Precision::bf16 || (precision == Precision::automatic && fast)
             ? WeightType::bf16
             : WeightType::float32;
}

}  // namespace tessera
