#include "engine/generator_layout.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::size_t kPanel = kernels::kPanelOutputs;

std::string layer_name(int layer, const char* rest) {
  return "layers." + std::to_string(layer) + "." + rest;
}

}  // namespace

std::size_t MatrixLayout::outputs() const {
  if (sources.size() == 1) return source_rows;
  return (source_rows + kGatesPerPanel - 1) / kGatesPerPanel * kPanel;
}

std::vector<MatrixLayout> matrices_of(const GeneratorConfig& config, const GeneratorShape& shape) {
  const auto dim = static_cast<std::size_t>(config.dim),
             ffn = static_cast<std::size_t>(config.ffn_dim());
  std::vector<MatrixLayout> matrices;
  for (int layer = 0; layer < config.layers; ++layer) {
    const auto name = [&](const char* rest) { return layer_name(layer, rest); };
    matrices.push_back({name("attention.wqkv"), {name("attention.wqkv.weight")}, 3 * dim, dim});
    matrices.push_back({name("attention.wo"), {name("attention.wo.weight")}, dim, dim});
    matrices.push_back({name("feed_forward.w1w3"),
                        {name("feed_forward.w1.weight"), name("feed_forward.w3.weight")},
                        ffn,
                        dim});
    matrices.push_back({name("feed_forward.w2"), {name("feed_forward.w2.weight")}, dim, ffn});
  }
  matrices.push_back(
      {"output", {"output.weight"}, static_cast<std::size_t>(shape.vocabulary), dim});
  return matrices;
}

std::vector<PlainTensor> plain_tensors_of(const GeneratorConfig& config,
                                          const GeneratorShape& shape) {
  const std::int64_t dim = config.dim, head_size = config.dim / config.heads;
  std::vector<PlainTensor> tensors = {
      {"cls_embedding.embedding_table.weight", {shape.classes + 1, dim}},
      {"tok_embeddings.weight", {shape.vocabulary, dim}},
      {"norm.weight", {dim}}};
  for (int layer = 0; layer < config.layers; ++layer) {
    tensors.push_back({layer_name(layer, "attention_norm.weight"), {dim}});
    tensors.push_back({layer_name(layer, "ffn_norm.weight"), {dim}});
    if (!config.qk_norm) continue;
    tensors.push_back({layer_name(layer, "attention.q_norm.weight"), {head_size}});
    tensors.push_back({layer_name(layer, "attention.k_norm.weight"), {head_size}});
  }
  return tensors;
}

void gather_panel(const MatrixLayout& layout, std::span<const FloatTensor> sources,
                  std::size_t panel, std::span<float> rows) {
  TESSERA_CHECK(rows.size() == kPanel * layout.inputs && sources.size() == layout.sources.size());
  const std::size_t each = kPanel / sources.size(), first = panel * each;
  std::fill(rows.begin(), rows.end(), 0.0f);
  if (first >= layout.source_rows) return;
  const std::size_t count = std::min(each, layout.source_rows - first) * layout.inputs;
  for (std::size_t source = 0; source < sources.size(); ++source)
    std::copy_n(sources[source].data() + first * layout.inputs, count,
                rows.data() + source * each * layout.inputs);
}

kernels::PackedMatrix packed_matrix(const MatrixLayout& layout, kernels::WeightType type,
                                    const std::byte* bytes) {
  return {.type = type, .outputs = layout.outputs(), .inputs = layout.inputs, .bytes = bytes};
}

}  // namespace tessera
