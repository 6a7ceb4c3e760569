#pragma once

#include <memory>

#include "engine/layer.h"

namespace tessera {

/// Single-head attention of every position to all: a map of queries, keys and values
/// [rows, columns, 3 channels] -> [rows, columns, channels]. Queries are taken in blocks, so that
/// scores take memory in proportion to the positions and not to their square.
class GridAttention : public Layer {
 public:
  GridAttention(int channels, ActivationType type);
  ~GridAttention() override;

  MapShape output(MapShape input) const override;
  void prepare(MapShape input) override;
  void run(const FeatureMap& input, FeatureMap& output, Workers& workers) override;
  std::size_t scratch_bytes(MapShape input) const override;
  std::size_t shared_bytes(MapShape input) const override;
  double flops(MapShape input) const override;

 private:
  struct Products;
  void pack(const FeatureMap& input, bool values, std::byte* shared) const;
  void attend(const FeatureMap& input, std::size_t block, const Workers& workers, int thread,
              FeatureMap& output) const;

  int channels_;
  ActivationType type_;
  std::unique_ptr<Products> products_;
};

}  // namespace tessera
