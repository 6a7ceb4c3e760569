#include "kernels/matmul_layout.h"

#include <algorithm>
#include <cstring>

#include "kernels/bf16.h"

namespace tessera::kernels {
namespace {

std::size_t divide_up(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

// The scale of output n, from behind a group's weights.
float scale_at(const std::byte* scales, std::size_t n) {
  Bf16 scale;
  std::memcpy(&scale, scales + n * sizeof(scale), sizeof(scale));
  return to_float(scale);
}

float unpacked(WeightType type, const std::byte* step, std::size_t k, std::size_t n) {
  switch (type) {
    case WeightType::float32: {
      float value;
      std::memcpy(&value, step + n * 4, 4);
      return value;
    }
    case WeightType::bf16:
      return scale_at(step, 2 * n + k);
    case WeightType::int8: {
      const int value = static_cast<int>(step[(k / 4 * kPanel + n) * 4 + k % 4]) - kInt8Offset;
      return static_cast<float>(value) * scale_at(step + kInt8Group * kPanel, n);
    }
    default: {
      const auto both = static_cast<unsigned>(step[(k / 8 * kPanel + n) * 4 + k % 4]);
      const int value = static_cast<int>(k % 8 < 4 ? both & 15 : both >> 4) - kInt4Offset;
      return static_cast<float>(value) * scale_at(step + kInt4Group / 2 * kPanel, n);
    }
  }
}

}  // namespace

std::size_t step_inputs(WeightType type) {
  switch (type) {
    case WeightType::float32:
      return 1;
    case WeightType::bf16:
      return 2;
    case WeightType::int8:
      return kInt8Group;
    default:
      return kInt4Group;
  }
}

std::size_t step_bytes(WeightType type) {
  switch (type) {
    case WeightType::float32:
    case WeightType::bf16:
      return kPanel * 4;
    case WeightType::int8:
      return kPanel * (kInt8Group + sizeof(Bf16));
    default:
      return kPanel * (kInt4Group / 2 + sizeof(Bf16));
  }
}

std::size_t PackedMatrix::panels() const { return divide_up(outputs, kPanel); }

std::size_t panels_a_task(const PackedMatrix& matrix, std::size_t threads) {
  constexpr std::size_t kRun = 256 * 1024;  // bytes
  const std::size_t bytes = packed_bytes(matrix.type, matrix.outputs, matrix.inputs);
  const std::size_t tasks = threads * std::max<std::size_t>(1, bytes / threads / kRun);
  return std::max<std::size_t>(1, divide_up(matrix.panels(), tasks));
}

std::size_t panel_steps(WeightType type, std::size_t inputs) {
  return divide_up(inputs, step_inputs(type));
}

std::size_t panel_bytes(WeightType type, std::size_t inputs) {
  return panel_steps(type, inputs) * step_bytes(type);
}

std::size_t packed_bytes(WeightType type, std::size_t outputs, std::size_t inputs) {
  return divide_up(outputs, kPanel) * panel_bytes(type, inputs);
}

std::size_t prepared_bytes(WeightType type, std::size_t inputs) {
  const std::size_t steps = panel_steps(type, inputs);
  const std::size_t step =
      type == WeightType::float32 || type == WeightType::bf16 ? 4 : kGroupHead + step_inputs(type);
  return divide_up(steps * step, 64) * 64;
}

void unpack_panel(const PackedMatrix& matrix, std::size_t panel, float* weights) {
  const std::size_t group = step_inputs(matrix.type);
  const std::byte* from = matrix.bytes + panel * panel_bytes(matrix.type, matrix.inputs);
  const std::size_t end = std::min(matrix.outputs, (panel + 1) * kPanel);
  for (std::size_t n = panel * kPanel; n < end; ++n)
    for (std::size_t k = 0; k < matrix.inputs; ++k)
      weights[n * matrix.inputs + k] =
          unpacked(matrix.type, from + k / group * step_bytes(matrix.type), k % group, n % kPanel);
}

}  // namespace tessera::kernels
