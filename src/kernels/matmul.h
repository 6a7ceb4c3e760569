#pragma once

#include <cstddef>

namespace tessera::kernels {

/// How the engine holds weights. int8 and int4 have a bf16 scale for each output and group of 64 or
/// 32 inputs; 8.25 and 4.5 bits a weight.
enum class WeightType { float32, bf16, int8, int4 };

/// Outputs of a panel.
constexpr std::size_t kPanelOutputs = 64;

/// A weight matrix [outputs, inputs] in the order in which the kernels read it: panels of 64
/// outputs, each a single stream from the first input to the last. Borrowed; 64-byte aligned. The
/// same for every instruction set.
struct PackedMatrix {
  WeightType type;
  std::size_t outputs, inputs;
  const std::byte* bytes;

  std::size_t panels() const;  // of 64 outputs; the last may be filled up with zeros
};
/// Bytes of a packed matrix, all panels; a multiple of 64.
std::size_t packed_bytes(WeightType type, std::size_t outputs, std::size_t inputs);
/// Packs (and quantises) panel `panel` of `weights`, the matrix [outputs, inputs], row-major
/// float32, into its place in `packed`, which has room for all panels. Panels are independent, so
/// that the caller can thread them. The result does not depend on the instruction set.
void pack_panel(const PackedMatrix& shape, std::size_t panel, const float* weights,
                std::byte* packed);
/// What the packed weights stand for: the panel's rows of `weights` [outputs, inputs] (for tests,
/// and to tell what quantising cost).
void unpack_panel(const PackedMatrix& matrix, std::size_t panel, float* weights);

/// One row of activations as the kernels read it: float32 as it is, bf16 rounded, for int8 and int4
/// eight bits with a scale (and a sum) for each group of inputs. The bytes are a multiple of 64.
std::size_t prepared_bytes(WeightType type, std::size_t inputs);
void prepare_row(WeightType type, std::size_t inputs, const float* x, std::byte* prepared);

/// out[r * stride + n] = sum_k x[r, k] * weight[n, k] for the outputs n of panel `panel`, r < rows.
/// The order in which an output is summed depends on nothing but the instruction set, so a row's
/// result is the same in any company. `prepared` holds rows of prepared_bytes each. Fastest where
/// `out` is 64-byte aligned and `stride` a multiple of 16.
void multiply_panel(const PackedMatrix& matrix, std::size_t panel, std::size_t rows,
                    const std::byte* prepared, float* out, std::size_t stride);
/// How many panels, one after another, a task should take when `threads` share a product: long
/// runs, as the processor's prefetching needs them, but enough tasks to keep all threads busy
/// (bench/matmul.cpp).
std::size_t panels_a_task(const PackedMatrix& matrix, std::size_t threads);

}  // namespace tessera::kernels
