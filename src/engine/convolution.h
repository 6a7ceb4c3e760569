#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "engine/feature_map.h"

namespace tessera {

/// A convolution with stride 1 of one slab of rows.
struct ConvolutionShape {
  int inputs, outputs;              ///< channels
  int kernel_rows, kernel_columns;  ///< the slab brings its rows above and below with it
  int left = 0, right = 0;          ///< columns of zeros that the slab does not bring
  int rows = 0, columns = 0;        ///< of the output
  ActivationType type = ActivationType::float32;
  bool float_output = false;  ///< output is float32 whatever the type
  bool accumulate = false;    ///< adds to what the output holds

  std::size_t input_bytes() const;   ///< [rows + kernel_rows - 1, columns (of the input), inputs]
  std::size_t output_bytes() const;  ///< [rows, columns, outputs]
};

/// oneDNN's convolution on the thread that calls it. Weights are packed as oneDNN likes them best
/// for the slab's shape.
class Convolution {
 public:
  Convolution();
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  /// Makes the code for slabs of this shape, and packs the weights anew if they are there and the
  /// shape asks for it.
  void prepare(const ConvolutionShape& shape);
  /// Packs weights [outputs, inputs, kernel_rows, kernel_columns] and bias [outputs] for the shape
  /// that has been prepared.
  void load(const float* weights, std::span<const float> bias);

  const ConvolutionShape& shape() const { return shape_; }
  std::size_t weight_bytes() const;    ///< of the packed weights
  std::size_t scratch_bytes() const;   ///< that run needs
  std::string implementation() const;  ///< oneDNN's name of its code, such as brgconv:avx512_core

  /// output = convolution(input) + bias (+ output); safe to call from several threads at once.
  void run(const std::byte* input, std::byte* output, std::byte* scratch) const;

 private:
  struct Primitive;
  ConvolutionShape shape_{};
  std::unique_ptr<Primitive> primitive_;
};

}  // namespace tessera
