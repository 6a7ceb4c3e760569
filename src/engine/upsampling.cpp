#include "engine/upsampling.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace tessera {
namespace {

constexpr int kKernel = 3, kPhaseKernel = 2;

// Which of the two small rows the kernel's row falls on, seen from an output row of this parity:
// an even row sees (above, own, own), an odd one (own, own, below).
int small_row(int parity, int kernel_row) { return parity == 0 ? kernel_row > 0 : kernel_row > 1; }

// [.., 3, 3] -> [.., 2, 2]
std::vector<float> phase_weights(std::span<const float> weights, int row_parity,
                                 int column_parity) {
  std::vector<float> sums(weights.size() / (kKernel * kKernel) * kPhaseKernel * kPhaseKernel);
  const float* from = weights.data();
  for (float* to = sums.data(); to != sums.data() + sums.size(); to += kPhaseKernel * kPhaseKernel)
    for (int row = 0; row < kKernel; ++row)
      for (int column = 0; column < kKernel; ++column)
        to[kPhaseKernel * small_row(row_parity, row) + small_row(column_parity, column)] += *from++;
  return sums;
}

// Puts positions [rows, columns] of `phase` at every second row and column of `output`.
void interleave(const std::byte* phase, std::size_t rows, std::size_t columns,
                std::size_t position_bytes, std::byte* output) {
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column, phase += position_bytes)
      std::memcpy(output + (4 * row * columns + 2 * column) * position_bytes, phase,
                  position_bytes);
}

}  // namespace

Upsampling::Upsampling(ConvolutionWeights weights, ActivationType type)
    : weights_(std::move(weights)), type_(type) {
  TESSERA_CHECK(weights_.kernel == kKernel && weights_.weights.size() == 1);
}

MapShape Upsampling::output(MapShape input) const {
  return {2 * input.rows, 2 * input.columns, weights_.outputs};
}

SlabCut Upsampling::cut(MapShape input) const {
  const auto row = static_cast<std::size_t>(input.columns) *
                   static_cast<std::size_t>(weights_.outputs) * size_of(type_);
  return SlabCut::of(input.rows, 4 * row);  // of the output, for a row of the input
}

ConvolutionShape Upsampling::slab_shape(MapShape input, int column_parity) const {
  return {.inputs = weights_.inputs,
          .outputs = weights_.outputs,
          .kernel_rows = kPhaseKernel,
          .kernel_columns = kPhaseKernel,
          .left = 1 - column_parity,
          .right = column_parity,
          .rows = cut(input).slab_rows,
          .columns = input.columns,
          .type = type_};
}

void Upsampling::prepare(MapShape input) {
  for (int phase = 0; phase < 4; ++phase)
    phases_[static_cast<std::size_t>(phase)].prepare(slab_shape(input, phase % 2));
}

void Upsampling::load() {
  std::vector<float> buffer;
  const auto bias = weights_.biases.front().copy();
  const auto values = weights_.weights.front().values(buffer);
  for (int phase = 0; phase < 4; ++phase)
    phases_[static_cast<std::size_t>(phase)].load(
        phase_weights(values, phase / 2, phase % 2).data(), bias);
  weights_.weights.front().forget();
}

std::size_t Upsampling::weight_bytes() const {
  std::size_t bytes = 0;
  for (const auto& phase : phases_) bytes += phase.weight_bytes();
  return bytes;
}

std::size_t Upsampling::scratch_bytes(MapShape input) const {
  const auto shape = slab_shape(input, 0);
  const MapShape slab{shape.rows + 2, shape.columns, shape.inputs};
  std::size_t own = 0;
  for (const auto& phase : phases_) own = std::max(own, phase.scratch_bytes());
  return AlignedBuffer::rounded_up(slab.size() * size_of(type_)) +
         AlignedBuffer::rounded_up(shape.output_bytes()) + own;
}

double Upsampling::flops(MapShape input) const {
  return 2.0 * static_cast<double>(output(input).positions()) * kKernel * kKernel *
         weights_.inputs * weights_.outputs;
}

void Upsampling::run(const FeatureMap& input, FeatureMap& output, Workers& workers) {
  const auto slabs = cut(input.shape);
  const auto shape = slab_shape(input.shape, 0);
  output.moments.resize(slabs.slabs(), output.shape.channels);
  const SlabInput reader{.type = type_, .rows = shape.rows, .halo = 1};
  const auto columns = static_cast<std::size_t>(shape.columns);
  const auto position_bytes = static_cast<std::size_t>(shape.outputs) * size_of(type_);
  const std::size_t row_bytes = columns * static_cast<std::size_t>(shape.inputs) * size_of(type_);
  const auto slab_bytes =
      AlignedBuffer::rounded_up(static_cast<std::size_t>(shape.rows + 2) * row_bytes);

  workers.for_each_slab(slabs, [&](std::size_t slab, int first, bool follows, std::byte* scratch) {
    auto* const phase_output = scratch + slab_bytes;
    auto* const own = phase_output + AlignedBuffer::rounded_up(shape.output_bytes());
    const auto rows = static_cast<std::size_t>(std::min(shape.rows, input.shape.rows - first));
    const std::size_t place = 4 * static_cast<std::size_t>(first) * columns;  // in positions
    reader.gather(input, first, follows, scratch);
    for (std::size_t phase = 0; phase < 4; ++phase) {
      const std::size_t row_parity = phase / 2, column_parity = phase % 2;
      phases_[phase].run(scratch + row_parity * row_bytes, phase_output, own);
      interleave(phase_output, rows, columns, position_bytes,
                 output.data + (place + 2 * row_parity * columns + column_parity) * position_bytes);
    }
    measure_slab(type_, output, slab, place, 4 * rows * columns);
  });
}

}  // namespace tessera
