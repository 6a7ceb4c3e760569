#include "generator/model.h"

#include <cmath>

#include "base/error.h"
#include "training/op_add_dropout.h"
#include "training/op_causal_attention.h"
#include "training/op_precision.h"
#include "training/op_rms_norm.h"
#include "training/op_split_heads.h"
#include "training/op_swiglu.h"
#include "training/recompute.h"

namespace tessera {
namespace {

torch::nn::Linear linear(int inputs, int outputs) {
  return torch::nn::Linear(torch::nn::LinearOptions(inputs, outputs).bias(false));
}

// A module with one parameter, `weight`: RMSNorm's, so that its name is LlamaGen's.
torch::Tensor norm_weight(torch::nn::Module& parent, const std::string& name, int size) {
  auto norm = parent.register_module(name, std::make_shared<torch::nn::Module>());
  return norm->register_parameter("weight", torch::ones({size}));
}

}  // namespace

double drop_path_of(int layer, int layers, double path) {
  return layers > 1 ? path * layer / (layers - 1) : 0;
}

torch::Tensor rotation_table(const GeneratorConfig& config, const GeneratorShape& shape) {
  const int half = config.dim / config.heads / 2, quarter = half / 2;
  auto table = torch::zeros({shape.positions() + 1, half, 2});
  auto entry = table.accessor<float, 3>();
  for (int position = 0; position < shape.positions(); ++position)
    for (int pair = 0; pair < half; ++pair) {
      const int place =
          pair < quarter ? position / shape.grid_columns : position % shape.grid_columns;
      const double frequency =
          std::pow(config.rope_base, -static_cast<double>(pair % quarter) / quarter);
      entry[position + 1][pair][0] = static_cast<float>(std::cos(place * frequency));
      entry[position + 1][pair][1] = static_cast<float>(std::sin(place * frequency));
    }
  return table;
}

AttentionImpl::AttentionImpl(const GeneratorConfig& config)
    : heads_(config.heads),
      epsilon_(config.norm_epsilon),
      wqkv_(register_module("wqkv", linear(config.dim, 3 * config.dim))),
      wo_(register_module("wo", linear(config.dim, config.dim))) {
  if (!config.qk_norm) return;
  query_weight_ = norm_weight(*this, "q_norm", config.dim / config.heads);
  key_weight_ = norm_weight(*this, "k_norm", config.dim / config.heads);
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& rotation) {
  const auto [query, key, value] =  // [B, heads, T, D]
      split_heads(wqkv_(x), rotation, heads_, query_weight_, key_weight_, epsilon_);
  return wo_(causal_attention(query, key, value));  // [B, T, C]
}

torch::Tensor AttentionImpl::step(const torch::Tensor& x, const torch::Tensor& rotation,
                                  KvCache& cache, int layer) {
  const auto [query, key, value] =  // [rows, heads, 1, D]
      split_heads(wqkv_(x), rotation, heads_, query_weight_, key_weight_, epsilon_);
  const auto [keys, values] = cache.append(layer, key, value);
  return wo_(cached_attention(query, keys, values));  // [rows, 1, C]
}

FeedForwardImpl::FeedForwardImpl(const GeneratorConfig& config)
    : w1_(register_module("w1", linear(config.dim, config.ffn_dim()))),
      w3_(register_module("w3", linear(config.dim, config.ffn_dim()))),
      w2_(register_module("w2", linear(config.ffn_dim(), config.dim))) {}

torch::Tensor FeedForwardImpl::forward(const torch::Tensor& x) {
  return w2_(swiglu(w1_(x), w3_(x)));
}

BlockImpl::BlockImpl(const GeneratorConfig& config, const Dropouts& dropouts)
    : epsilon_(config.norm_epsilon),
      dropouts_(dropouts),
      attention_(register_module("attention", Attention(config))),
      feed_forward_(register_module("feed_forward", FeedForward(config))),
      attention_norm_(norm_weight(*this, "attention_norm", config.dim)),
      ffn_norm_(norm_weight(*this, "ffn_norm", config.dim)) {}

torch::Tensor BlockImpl::forward(torch::Tensor x, const torch::Tensor& rotation) {
  x = add_branch(x, attention_(rms_norm(x, attention_norm_, epsilon_), rotation),
                 dropouts_.residual);
  return add_feed_forward(x);
}

torch::Tensor BlockImpl::step(torch::Tensor x, const torch::Tensor& rotation, KvCache& cache,
                              int layer) {
  x = x + attention_->step(rms_norm(x, attention_norm_, epsilon_), rotation, cache, layer);
  return add_feed_forward(x);
}

torch::Tensor BlockImpl::add_feed_forward(const torch::Tensor& x) {
  return add_branch(x, feed_forward_(rms_norm(x, ffn_norm_, epsilon_)), dropouts_.ffn);
}

torch::Tensor BlockImpl::add_branch(const torch::Tensor& x, const torch::Tensor& branch,
                                    double drop) {
  if (!is_training()) return add_dropout(x, branch, 0);
  return add_dropout(x, drop_samples(branch, dropouts_.path), drop);
}

TransformerImpl::TransformerImpl(const GeneratorConfig& config, const GeneratorShape& shape,
                                 const Dropouts& dropouts)
    : config_(config),
      shape_(shape),
      dropouts_(dropouts),
      class_table_(shape.classes + 1, config.dim),
      tok_embeddings_(
          register_module("tok_embeddings", torch::nn::Embedding(shape.vocabulary, config.dim))),
      norm_(norm_weight(*this, "norm", config.dim)),
      output_(register_module("output", linear(config.dim, shape.vocabulary))),
      rotation_(rotation_table(config, shape)) {
  register_module("cls_embedding", std::make_shared<torch::nn::Module>())
      ->register_module("embedding_table", class_table_);
  auto list = register_module("layers", torch::nn::ModuleList());
  for (int layer = 0; layer < config.layers; ++layer) {
    auto own = dropouts;
    own.path = drop_path_of(layer, config.layers, dropouts.path);
    layers_.emplace_back(config, own);
    list->push_back(layers_.back());
  }
  initialise();
}

void TransformerImpl::initialise() {
  torch::NoGradGuard no_grad;
  for (auto& parameter : parameters())
    if (parameter.dim() >= 2) parameter.normal_(0, 0.02);
  output_->weight.zero_();
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& classes, const torch::Tensor& tokens) {
  TESSERA_CHECK(tokens.dim() == 2 && tokens.size(1) == shape_.positions());
  TESSERA_CHECK(classes.dim() == 1 && classes.size(0) == tokens.size(0));
  auto x = torch::cat({class_table_(classes).unsqueeze(1),
                       tok_embeddings_(tokens.narrow(1, 0, shape_.positions() - 1))},
                      1);  // [B, T, C]
  if (is_training()) x = drop_some(x, dropouts_.token);
  rotation_ = rotation_.to(x.device());
  const auto rotation = rotation_.narrow(0, 0, shape_.positions());
  for (auto& layer : layers_) {
    const auto block = [layer, rotation](const torch::Tensor& in) mutable {
      return layer(in, rotation);
    };
    x = recompute_ ? recompute(block, x, layer->parameters()) : layer(x, rotation);
  }
  return output_(rms_norm(x, norm_, config_.norm_epsilon));  // [B, T, V]
}

KvCache TransformerImpl::make_cache(std::int64_t rows) const {
  return KvCache(config_.layers, rows, config_.heads, shape_.positions(),
                 config_.dim / config_.heads,
                 norm_.options().dtype(product_type(norm_)).requires_grad(false));
}

torch::Tensor TransformerImpl::step(const torch::Tensor& inputs, KvCache& cache) {
  const int position = cache.length();
  TESSERA_CHECK(position < cache.capacity() && inputs.size(0) == cache.rows());
  auto x = (position == 0 ? class_table_ : tok_embeddings_)(inputs).unsqueeze(1);  // [rows, 1, C]
  rotation_ = rotation_.to(x.device());
  const auto rotation = rotation_.narrow(0, position, 1);
  for (int layer = 0; layer < config_.layers; ++layer)
    x = layers_[static_cast<std::size_t>(layer)]->step(x, rotation, cache, layer);
  cache.advance();
  return output_(rms_norm(x, norm_, config_.norm_epsilon)).squeeze(1);  // [rows, V]
}

}  // namespace tessera
