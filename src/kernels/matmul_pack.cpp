#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/bf16.h"
#include "kernels/matmul.h"
#include "kernels/matmul_layout.h"

namespace tessera::kernels {
namespace {

std::size_t divide_up(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

// Inputs that a panel holds together: one after another, pairs, groups.
std::size_t inputs_a_step(WeightType type) {
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

std::size_t bytes_a_step(WeightType type) {
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

// A group of inputs of all outputs of a panel, [inputs][64], so that every loop over outputs is a
// vector's.
constexpr std::size_t kLargestGroup = 64;
using Rows = const float (*)[kPanel];

constexpr float kSmallest = 0x1p-100f;  // below, a group counts as zero: its scale has no inverse

Bf16 round_up(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<Bf16>((bits + 0xffff) >> 16);
}

// To the nearest integer, ties to even, for sizes below 2^22: the sum's last bit is worth one.
float nearest(float value) {
  constexpr float kOnes = 0x1.8p23f;
  return (value + kOnes) - kOnes;
}

float inverse(float scale) { return std::abs(scale) < kSmallest / 256 ? 0 : 1 / scale; }

void largest_of_group(std::size_t group, Rows block, float (&largest)[kPanel]) {
  std::fill(largest, largest + kPanel, 0.0f);
  for (std::size_t k = 0; k < group; ++k)
    for (std::size_t n = 0; n < kPanel; ++n)
      largest[n] = std::max(largest[n], std::abs(block[k][n]));
}

void pack_int8(Rows block, std::byte* to) {
  float largest[kPanel];
  largest_of_group(kInt8Group, block, largest);
  Bf16 scales[kPanel];
  float inverses[kPanel];
  for (std::size_t n = 0; n < kPanel; ++n) {
    scales[n] = largest[n] < kSmallest ? Bf16{} : round_up(largest[n] / 127);
    inverses[n] = inverse(to_float(scales[n]));
  }
  for (std::size_t k = 0; k < kInt8Group; ++k)
    for (std::size_t n = 0; n < kPanel; ++n)
      to[(k / 4 * kPanel + n) * 4 + k % 4] = static_cast<std::byte>(
          static_cast<int>(nearest(block[k][n] * inverses[n])) + kInt8Offset);
  std::memcpy(to + kInt8Group * kPanel, scales, sizeof(scales));
}

float int4_of(float weight, float inverse) {
  return std::clamp(nearest(weight * inverse), -8.0f, 7.0f);
}

// Tries to divide each group's largest weight among different numbers of steps, and keeps the scale
// with the least squared error. The largest goes to -8, hence the sign.
void choose_int4_scales(Rows block, Bf16 (&scales)[kPanel]) {
  float extreme[kPanel] = {}, least[kPanel];
  for (std::size_t k = 0; k < kInt4Group; ++k)
    for (std::size_t n = 0; n < kPanel; ++n)
      extreme[n] = std::abs(block[k][n]) > std::abs(extreme[n]) ? block[k][n] : extreme[n];
  std::fill(least, least + kPanel, INFINITY);
  std::fill(scales, scales + kPanel, Bf16{});
  for (const float division : {-6.5f, -7.0f, -7.25f, -7.5f, -7.75f, -8.0f, -8.5f, -9.0f, -10.0f}) {
    Bf16 scale[kPanel];
    float step[kPanel], inverses[kPanel], error[kPanel] = {};
    for (std::size_t n = 0; n < kPanel; ++n) {
      scale[n] =
          std::abs(extreme[n]) < kSmallest ? Bf16{} : from_float<Bf16>(extreme[n] / division);
      step[n] = to_float(scale[n]);
      inverses[n] = inverse(step[n]);
    }
    for (std::size_t k = 0; k < kInt4Group; ++k)
      for (std::size_t n = 0; n < kPanel; ++n) {
        const float off = block[k][n] * inverses[n] - int4_of(block[k][n], inverses[n]);
        error[n] += off * off;
      }
    for (std::size_t n = 0; n < kPanel; ++n) {
      error[n] *= step[n] * step[n];
      if (error[n] < least[n]) least[n] = error[n], scales[n] = scale[n];
    }
  }
}

void pack_int4(Rows block, std::byte* to) {
  Bf16 scales[kPanel];
  choose_int4_scales(block, scales);
  float inverses[kPanel];
  for (std::size_t n = 0; n < kPanel; ++n) inverses[n] = inverse(to_float(scales[n]));
  const auto nibble = [&](std::size_t k, std::size_t n) {
    return static_cast<unsigned>(static_cast<int>(int4_of(block[k][n], inverses[n])) + kInt4Offset);
  };
  for (std::size_t k = 0; k < kInt4Group; k += 8)
    for (std::size_t n = 0; n < kPanel; ++n)
      for (std::size_t i = 0; i < 4; ++i)
        *to++ = static_cast<std::byte>(nibble(k + i, n) | nibble(k + 4 + i, n) << 4);
  std::memcpy(to, scales, sizeof(scales));
}

void pack_step(WeightType type, Rows block, std::byte* to) {
  switch (type) {
    case WeightType::float32:
      std::memcpy(to, block[0], sizeof(block[0]));
      break;
    case WeightType::bf16: {
      Bf16 pairs[kPanel][2];
      for (std::size_t n = 0; n < kPanel; ++n)
        for (std::size_t i = 0; i < 2; ++i) pairs[n][i] = from_float<Bf16>(block[i][n]);
      std::memcpy(to, pairs, sizeof(pairs));
      break;
    }
    case WeightType::int8:
      pack_int8(block, to);
      break;
    case WeightType::int4:
      pack_int4(block, to);
  }
}

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

std::size_t PackedMatrix::panels() const { return divide_up(outputs, kPanel); }

std::size_t panels_a_task(const PackedMatrix& matrix, std::size_t threads) {
  constexpr std::size_t kRun = 256 * 1024;  // bytes
  const std::size_t bytes = packed_bytes(matrix.type, matrix.outputs, matrix.inputs);
  const std::size_t tasks = threads * std::max<std::size_t>(1, bytes / threads / kRun);
  return divide_up(matrix.panels(), tasks);
}

std::size_t panel_steps(WeightType type, std::size_t inputs) {
  return divide_up(inputs, inputs_a_step(type));
}

std::size_t panel_bytes(WeightType type, std::size_t inputs) {
  return panel_steps(type, inputs) * bytes_a_step(type);
}

std::size_t packed_bytes(WeightType type, std::size_t outputs, std::size_t inputs) {
  return divide_up(outputs, kPanel) * panel_bytes(type, inputs);
}

std::size_t prepared_bytes(WeightType type, std::size_t inputs) {
  const std::size_t steps = panel_steps(type, inputs);
  const std::size_t step = type == WeightType::float32 || type == WeightType::bf16
                               ? 4
                               : kGroupHead + inputs_a_step(type);
  return divide_up(steps * step, 64) * 64;
}

void pack_panel(const PackedMatrix& shape, std::size_t panel, const float* weights,
                std::byte* packed) {
  const std::size_t group = inputs_a_step(shape.type);
  const std::size_t columns = std::min(kPanel, shape.outputs - panel * kPanel);
  const float* from = weights + panel * kPanel * shape.inputs;
  std::byte* to = packed + panel * panel_bytes(shape.type, shape.inputs);
  float block[kLargestGroup][kPanel] = {};
  for (std::size_t first = 0; first < shape.inputs; first += kLargestGroup) {
    const std::size_t count = std::min(kLargestGroup, shape.inputs - first);
    for (std::size_t n = 0; n < columns; ++n)
      for (std::size_t k = 0; k < count; ++k) block[k][n] = from[n * shape.inputs + first + k];
    for (std::size_t k = count; k < kLargestGroup; ++k)
      std::fill(block[k], block[k] + kPanel, 0.0f);
    for (std::size_t k = 0; k < count; k += group, to += bytes_a_step(shape.type))
      pack_step(shape.type, block + k, to);
  }
}

void unpack_panel(const PackedMatrix& matrix, std::size_t panel, float* weights) {
  const std::size_t group = inputs_a_step(matrix.type);
  const std::byte* from = matrix.bytes + panel * panel_bytes(matrix.type, matrix.inputs);
  const std::size_t end = std::min(matrix.outputs, (panel + 1) * kPanel);
  for (std::size_t n = panel * kPanel; n < end; ++n)
    for (std::size_t k = 0; k < matrix.inputs; ++k)
      weights[n * matrix.inputs + k] = unpacked(
          matrix.type, from + k / group * bytes_a_step(matrix.type), k % group, n % kPanel);
}

}  // namespace tessera::kernels
