#pragma once

#include "engine/feature_map.h"
#include "engine/slab.h"

namespace tessera {

/// A step of the image decoder: reads one map, writes another. Made from a model folder's tensors,
/// which are checked by name and shape at once; their values are read by load.
class Layer {
 public:
  virtual ~Layer() = default;

  virtual MapShape output(MapShape input) const = 0;
  /// Makes the code for inputs of this shape, and packs the weights anew if they ask for it.
  virtual void prepare(MapShape input) = 0;
  /// Reads and packs the weights, once, after the first prepare. Throws FileError for a value that
  /// is not finite. Layers may load at the same time on several threads.
  virtual void load() {}
  virtual void run(const FeatureMap& input, FeatureMap& output, Workers& workers) = 0;

  virtual std::size_t weight_bytes() const { return 0; }          ///< once prepared
  virtual std::size_t scratch_bytes(MapShape input) const = 0;    ///< for each thread, in run
  virtual std::size_t shared_bytes(MapShape) const { return 0; }  ///< for all of them together
  /// Multiplications and additions of the plain algorithm, two for each multiply-add of a
  /// convolution or matrix product.
  virtual double flops(MapShape input) const = 0;
};

}  // namespace tessera
