#pragma once

#include <torch/torch.h>

#include "generator/kv_cache.h"
#include "models/generator_shape.h"

namespace tessera {

/// Probabilities with which training zeroes what flows; none of them acts in eval mode.
struct Dropouts {
  double token = 0, residual = 0, ffn = 0;
  double path = 0;  ///< whole branches of a sequence, at the last block; see drop_path_of
};

/// With which probability block `layer` skips a branch: from 0 at the first block linearly to
/// `path` at the last, as LlamaGen's linspace(0, path, layers).
double drop_path_of(int layer, int layers, double path);

/// (cos, sin) of every position, [T, D/2, 2] float32: position 0 is the class, position 1 + i is
/// token i. The first half of a head's pairs turns with the token's row, the second with its
/// column. The class has cos = sin = 0, as in LlamaGen, whose checkpoints need it: its query and
/// key become zero vectors, with or without QK-norm.
torch::Tensor rotation_table(const GeneratorConfig& config, const GeneratorShape& shape);

class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const GeneratorConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& rotation);
  torch::Tensor step(const torch::Tensor& x, const torch::Tensor& rotation, KvCache& cache,
                     int layer);

 private:
  int heads_;
  double epsilon_;
  torch::nn::Linear wqkv_, wo_;
  torch::Tensor query_weight_, key_weight_;  // [D], undefined without QK-norm
};
TORCH_MODULE(Attention);

class FeedForwardImpl : public torch::nn::Module {
 public:
  explicit FeedForwardImpl(const GeneratorConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Linear w1_, w3_, w2_;
};
TORCH_MODULE(FeedForward);

class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(const GeneratorConfig& config, const Dropouts& dropouts);
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& rotation);
  torch::Tensor step(torch::Tensor x, const torch::Tensor& rotation, KvCache& cache, int layer);

 private:
  torch::Tensor add_feed_forward(const torch::Tensor& x);
  torch::Tensor add_branch(const torch::Tensor& x, const torch::Tensor& branch, double drop);

  double epsilon_;
  Dropouts dropouts_;
  Attention attention_;
  FeedForward feed_forward_;
  torch::Tensor attention_norm_, ffn_norm_;  // [C]
};
TORCH_MODULE(Block);

/// LlamaGen's class-conditional transformer (arXiv 2406.06525) with its tensor names, and QK-norm
/// as an option.
class TransformerImpl : public torch::nn::Module {
 public:
  /// Draws the initial weights from LibTorch's generator: normal of deviation 0.02; the output head
  /// starts at zero.
  TransformerImpl(const GeneratorConfig& config, const GeneratorShape& shape,
                  const Dropouts& dropouts = {});

  /// classes [B] int64 (shape().classes is the null class) and tokens [B, T] int64 -> logits [B, T,
  /// V], where position t predicts token t from the class and the tokens before it. The last token
  /// is not read.
  torch::Tensor forward(const torch::Tensor& classes, const torch::Tensor& tokens);

  /// Whether training computes each block again for its gradient instead of keeping what it
  /// computed.
  void recompute_blocks(bool on) { recompute_ = on; }

  /// A cache for `rows` sequences, in the type that matrix products run in now.
  KvCache make_cache(std::int64_t rows) const;
  /// One position of every row: `inputs` [rows] int64 are classes at the first position, tokens of
  /// the one before later. Returns logits [rows, V].
  torch::Tensor step(const torch::Tensor& inputs, KvCache& cache);

  const GeneratorShape& shape() const { return shape_; }
  const GeneratorConfig& config() const { return config_; }

 private:
  void initialise();

  GeneratorConfig config_;
  GeneratorShape shape_;
  Dropouts dropouts_;
  bool recompute_ = false;
  torch::nn::Embedding class_table_, tok_embeddings_;
  std::vector<Block> layers_;
  torch::Tensor norm_;  // [C]
  torch::nn::Linear output_;
  torch::Tensor rotation_;  // [T + 1, D/2, 2]
};
TORCH_MODULE(Transformer);

}  // namespace tessera
