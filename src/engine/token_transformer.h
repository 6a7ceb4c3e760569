// engine/ draws images without LibTorch: packed weights, a transformer that steps many images at
// once, and the tokenizer's decoder.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "engine/generator_weights.h"
#include "kernels/attention.h"

namespace tessera {

/// The next position of one sequence.
struct SequenceStep {
  std::int32_t input;    ///< at position 0 a class, later the token before
  std::size_t position;  ///< how many positions of it are in the cache
  std::byte* cache;      ///< keys and values of this sequence: cache_bytes() long
};

/// LlamaGen's transformer, one position of any number of sequences at a time. The model that
/// training/ and generator/ build is the specification; names are the same.
class TokenTransformer {
 public:
  /// Borrows weights and threads. Works on at most `rows` sequences at once.
  TokenTransformer(const GeneratorWeights& weights, kernels::CacheType cache_type, std::size_t rows,
                   ThreadPool& pool);

  /// Logits [rows, V] of the token at each sequence's position. A row's logits do not depend on
  /// the other rows, nor on the number of threads.
  void step(std::span<const SequenceStep> rows, float* logits);

  std::size_t rows() const { return most_rows_; }
  std::size_t positions() const { return positions_; }
  std::size_t vocabulary() const { return vocabulary_; }
  std::size_t cache_bytes() const { return layers_ * layer_cache_bytes_; }
  static std::size_t cache_bytes(const GeneratorWeights& weights, kernels::CacheType type);
  ThreadPool& pool() const { return pool_; }
  const GeneratorWeights& weights() const { return weights_; }

  /// Memory for so many rows, without weights and caches.
  static std::size_t work_bytes(const GeneratorWeights& weights, std::size_t rows, int threads);

 private:
  using Layer = GeneratorWeights::Layer;

  void embed(std::span<const SequenceStep> rows);
  void attend(const Layer& layer, std::size_t index, std::span<const SequenceStep> rows);
  void attend_head(const Layer& layer, std::size_t head, std::size_t row, const SequenceStep& step,
                   std::byte* cache, int thread);
  void feed_forward(const Layer& layer, std::size_t rows);
  /// x_ += values [rows, inputs] times matrix.
  void add_product(const float* values, const kernels::PackedMatrix& matrix, std::size_t rows);
  /// out = norm(x_) times matrix.
  void product(const float* norm, const kernels::PackedMatrix& matrix, std::size_t rows,
               float* out);
  /// Calls body(panel, prepared rows, thread) for all panels; values(row, thread) is a row of the
  /// matrix's inputs, to be prepared.
  template <typename Values, typename Body>
  void for_each_panel(const kernels::PackedMatrix& matrix, std::size_t rows, const Values& values,
                      const Body& body);
  auto normed_by(const float* norm);
  float* scratch(int thread) { return own_[static_cast<std::size_t>(thread)].scratch.data(); }

  /// What belongs to a thread.
  struct alignas(64) Own {
    AlignedArray<float> scratch;
    AlignedBuffer prepared;  // of few rows
    bool ready = false;      // whether they are, for the product that is under way
  };

  const GeneratorWeights& weights_;
  ThreadPool& pool_;
  std::size_t most_rows_, layers_, heads_, dim_, ffn_, head_size_, positions_, vocabulary_;
  float epsilon_;
  kernels::HeadCache head_cache_;
  std::size_t layer_cache_bytes_;
  AlignedArray<float> cosines_, sines_;  // [T, D]
  AlignedArray<float> x_;                // [rows, dim]
  AlignedArray<float> qkv_, attended_;   // [rows, 3 dim], [rows, dim]
  AlignedArray<float> hidden_;           // [rows, ffn]
  AlignedBuffer prepared_;               // [rows, prepared bytes], of many rows
  std::vector<Own> own_;
};

}  // namespace tessera
