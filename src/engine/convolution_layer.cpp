#include "engine/convolution_layer.h"

#include <algorithm>
#include <cstring>

namespace tessera {

ConvolutionLayer::ConvolutionLayer(ConvolutionWeights weights, std::optional<MapNorm> norm,
                                   ConvolutionLayerOptions options)
    : weights_(std::move(weights)), norm_(std::move(norm)), options_(options) {}

MapShape ConvolutionLayer::output(MapShape input) const {
  return {input.rows, input.columns, weights_.outputs};
}

SlabCut ConvolutionLayer::cut(MapShape input) const {
  const auto widest = static_cast<std::size_t>(std::max(weights_.inputs, weights_.outputs));
  return SlabCut::of(input.rows,
                     static_cast<std::size_t>(input.columns) * widest * size_of(options_.type));
}

ConvolutionShape ConvolutionLayer::slab_shape(MapShape input) const {
  const int halo = weights_.kernel / 2;
  return {.inputs = weights_.inputs,
          .outputs = weights_.outputs,
          .kernel_rows = weights_.kernel,
          .kernel_columns = weights_.kernel,
          .left = halo,
          .right = halo,
          .rows = cut(input).slab_rows,
          .columns = input.columns,
          .type = options_.type,
          .float_output = options_.float_output,
          .accumulate = options_.accumulate};
}

void ConvolutionLayer::prepare(MapShape input) { convolution_.prepare(slab_shape(input)); }

void ConvolutionLayer::load() { weights_.load_into(convolution_); }

std::size_t ConvolutionLayer::weight_bytes() const {
  return convolution_.weight_bytes() + (norm_ ? norm_->weight_bytes() : 0);
}

// A slab's input, its output where the map ends within the slab, and oneDNN's own.
std::size_t ConvolutionLayer::scratch_bytes(MapShape input) const {
  const auto shape = slab_shape(input);
  return AlignedBuffer::rounded_up(shape.input_bytes()) +
         AlignedBuffer::rounded_up(shape.output_bytes()) + convolution_.scratch_bytes();
}

double ConvolutionLayer::flops(MapShape input) const {
  return 2.0 * static_cast<double>(input.positions()) * weights_.kernel * weights_.kernel *
         weights_.inputs * weights_.outputs;
}

void ConvolutionLayer::run(const FeatureMap& input, FeatureMap& output, Workers& workers) {
  const auto slabs = cut(input.shape);
  const auto& shape = convolution_.shape();
  if (norm_) norm_->measure(input.moments);
  if (options_.measure) output.moments.resize(slabs.slabs(), output.shape.channels);
  const SlabInput reader{options_.type, shape.rows, weights_.kernel / 2, norm_ ? &*norm_ : nullptr};
  const auto columns = static_cast<std::size_t>(shape.columns);
  const std::size_t row_bytes = shape.output_bytes() / static_cast<std::size_t>(shape.rows);

  workers.for_each_slab(slabs, [&](std::size_t slab, int first, bool follows, std::byte* scratch) {
    auto* const slab_output = scratch + AlignedBuffer::rounded_up(shape.input_bytes());
    auto* const own = slab_output + AlignedBuffer::rounded_up(shape.output_bytes());
    auto* const place = output.data + static_cast<std::size_t>(first) * row_bytes;
    const auto rows = static_cast<std::size_t>(std::min(shape.rows, input.shape.rows - first));
    reader.gather(input, first, follows, scratch);
    // A slab that reaches over the map's end is computed whole, in scratch memory.
    if (static_cast<int>(rows) == shape.rows) {
      convolution_.run(scratch, place, own);
    } else {
      if (options_.accumulate) {
        std::memset(slab_output, 0, shape.output_bytes());
        std::memcpy(slab_output, place, rows * row_bytes);
      }
      convolution_.run(scratch, slab_output, own);
      std::memcpy(place, slab_output, rows * row_bytes);
    }
    if (options_.measure)
      measure_slab(options_.type, output, slab, static_cast<std::size_t>(first) * columns,
                   rows * columns);
  });
}

}  // namespace tessera
