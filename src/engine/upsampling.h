#pragma once

#include <array>

#include "engine/convolution_weights.h"
#include "engine/layer.h"

namespace tessera {

/// Doubles rows and columns (each position repeated) and convolves 3x3. Since neighbours are equal,
/// the output at one parity of row and column is a 2x2 convolution of the small map with sums of
/// the weights: four of these take 4/9 of the arithmetic.
class Upsampling : public Layer {
 public:
  /// Inputs and outputs are as many; the kernel is 3.
  Upsampling(ConvolutionWeights weights, ActivationType type);

  MapShape output(MapShape input) const override;
  void prepare(MapShape input) override;
  void load() override;
  void run(const FeatureMap& input, FeatureMap& output, Workers& workers) override;
  std::size_t weight_bytes() const override;
  std::size_t scratch_bytes(MapShape input) const override;
  double flops(MapShape input) const override;

 private:
  SlabCut cut(MapShape input) const;
  ConvolutionShape slab_shape(MapShape input, int column_parity) const;

  ConvolutionWeights weights_;
  ActivationType type_;
  std::array<Convolution, 4> phases_;  // by 2 * row parity + column parity
};

}  // namespace tessera
