#pragma once

#include <optional>

#include "engine/convolution_weights.h"
#include "engine/layer.h"
#include "engine/map_norm.h"

namespace tessera {

struct ConvolutionLayerOptions {
  ActivationType type;
  bool accumulate = false;    ///< adds to the output: the end of a residual block
  bool measure = true;        ///< a norm will read the output
  bool float_output = false;  ///< pixels
};

/// Norm and SiLU (or neither), then a convolution that keeps rows and columns: each slab is read
/// once, and measured for the next norm while it is in the cache.
class ConvolutionLayer : public Layer {
 public:
  ConvolutionLayer(ConvolutionWeights weights, std::optional<MapNorm> norm,
                   ConvolutionLayerOptions options);

  MapShape output(MapShape input) const override;
  void prepare(MapShape input) override;
  void load() override;
  void run(const FeatureMap& input, FeatureMap& output, Workers& workers) override;
  std::size_t weight_bytes() const override;
  std::size_t scratch_bytes(MapShape input) const override;
  double flops(MapShape input) const override;

 private:
  SlabCut cut(MapShape input) const;
  ConvolutionShape slab_shape(MapShape input) const;

  ConvolutionWeights weights_;
  std::optional<MapNorm> norm_;
  ConvolutionLayerOptions options_;
  Convolution convolution_;
};

}  // namespace tessera
