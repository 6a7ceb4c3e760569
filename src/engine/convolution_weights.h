#pragma once

#include "engine/convolution.h"
#include "engine/model_weights.h"

namespace tessera {

/// Tensors <name>.weight [outputs, inputs, kernel, kernel] and <name>.bias [outputs], one under the
/// other where several names share their input.
struct ConvolutionWeights {
  int inputs, outputs, kernel;
  std::vector<WeightTensor> weights, biases;

  ConvolutionWeights(const ModelWeights& model, const std::vector<std::string>& names, int in,
                     int out_each, int kernel_size);
  /// Reads and packs them.
  void load_into(Convolution& convolution) const;
};

}  // namespace tessera
