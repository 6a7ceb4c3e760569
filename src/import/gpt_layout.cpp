#include "import/gpt_layout.h"

#include "base/error.h"

namespace tessera {
namespace {

constexpr const char* kClassTable = "cls_embedding.embedding_table.weight";
constexpr const char* kTokens = "tok_embeddings.weight";
constexpr const char* kFirstFfn = "layers.0.feed_forward.w1.weight";
constexpr const char* kQueryNorm = "layers.0.attention.q_norm.weight";
constexpr int kMostDim = 1 << 16;

std::string layer_name(int layer, const char* tensor) {
  return "layers." + std::to_string(layer) + "." + tensor + ".weight";
}

int heads_of(const ForeignWeights& weights, int dim, int asked) {
  constexpr int kHead = 64, kHeadOf3B = 100, kDimOf3B = 3200;
  if (asked > 0) return asked;
  const int head = weights.has(kQueryNorm) ? weights.side(kQueryNorm, 1, 0)
                   : dim == kDimOf3B       ? kHeadOf3B
                                           : kHead;
  if (dim % head != 0)
    throw FileError(weights.path(), "width", std::to_string(dim),
                    "a multiple of " + std::to_string(head) +
                        "; the number of heads is not in the file, so give it with --heads");
  return dim / head;
}

// The feed-forward width is 8/3 of dim rounded up to a multiple of this, LlamaGen's 256 or another.
int ffn_multiple_of(const ForeignWeights& weights, GeneratorConfig config) {
  const int found = weights.side(kFirstFfn, 2, 0);
  for (int multiple = 256; multiple >= 1; multiple /= 2) {
    config.ffn_multiple = multiple;
    if (config.ffn_dim() == found) return multiple;
  }
  config.ffn_multiple = found;
  if (config.ffn_dim() == found) return found;
  config.ffn_multiple = 256;
  weights.refuse(kFirstFfn, "has " + std::to_string(found) + " rows, expected at least 8/3 of " +
                                std::to_string(config.dim) + ", usually " +
                                std::to_string(config.ffn_dim()));
}

}  // namespace

Shapes gpt_shapes(const GeneratorConfig& config, const GeneratorShape& shape) {
  const std::int64_t dim = config.dim, ffn = config.ffn_dim(), head = config.dim / config.heads;
  Shapes shapes = {{kClassTable, {shape.classes + 1, dim}},
                   {kTokens, {shape.vocabulary, dim}},
                   {"norm.weight", {dim}},
                   {"output.weight", {shape.vocabulary, dim}}};
  for (int layer = 0; layer < config.layers; ++layer) {
    shapes[layer_name(layer, "attention.wqkv")] = {3 * dim, dim};
    shapes[layer_name(layer, "attention.wo")] = {dim, dim};
    shapes[layer_name(layer, "feed_forward.w1")] = {ffn, dim};
    shapes[layer_name(layer, "feed_forward.w3")] = {ffn, dim};
    shapes[layer_name(layer, "feed_forward.w2")] = {dim, ffn};
    shapes[layer_name(layer, "attention_norm")] = {dim};
    shapes[layer_name(layer, "ffn_norm")] = {dim};
    if (!config.qk_norm) continue;
    shapes[layer_name(layer, "attention.q_norm")] = {head};
    shapes[layer_name(layer, "attention.k_norm")] = {head};
  }
  return shapes;
}

GeneratorConfig gpt_config_of(const ForeignWeights& weights, int heads) {
  GeneratorConfig config;
  config.dim = weights.side(kTokens, 2, 1);
  if (config.dim > kMostDim)
    weights.refuse(kTokens, "has " + std::to_string(config.dim) + " columns, expected at most " +
                                std::to_string(kMostDim));
  config.layers = weights.count([](int layer) { return layer_name(layer, "attention.wqkv"); });
  if (config.layers == 0) weights.refuse(layer_name(0, "attention.wqkv"), "is missing");
  config.qk_norm = weights.has(kQueryNorm);
  config.heads = heads_of(weights, config.dim, heads);
  config.ffn_multiple = ffn_multiple_of(weights, config);
  return config;
}

GeneratorShape gpt_shape_of(const ForeignWeights& weights) {
  const int rows = weights.side(kClassTable, 2, 0);
  if (rows < 2)
    weights.refuse(kClassTable, "has 1 row, expected one for each class and one for guidance");
  return {.vocabulary = weights.side(kTokens, 2, 0), .classes = rows - 1};
}

}  // namespace tessera
