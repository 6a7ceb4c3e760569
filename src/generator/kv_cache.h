#pragma once

#include <torch/torch.h>

#include <vector>

namespace tessera {

/// Keys and values of the positions seen so far, for `rows` sequences that advance together.
class KvCache {
 public:
  struct Layer {
    torch::Tensor keys, values;  // [rows, heads, positions, D]
  };

  KvCache(int layers, std::int64_t rows, int heads, int positions, int head_size,
          const torch::TensorOptions& options);

  /// Puts keys and values [rows, heads, 1, D] at the current position; returns those of all
  /// positions up to it.
  Layer append(int layer, const torch::Tensor& key, const torch::Tensor& value);
  int length() const { return length_; }  ///< positions complete in every layer
  int capacity() const;
  std::int64_t rows() const;
  /// Forgets all but the first `rows` sequences.
  void keep_rows(std::int64_t rows);
  /// Moves to the next position, once every layer has appended.
  void advance() { ++length_; }

 private:
  std::vector<Layer> layers_;
  int length_ = 0;
};

}  // namespace tessera
