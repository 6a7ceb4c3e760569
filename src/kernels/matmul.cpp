#include "kernels/matmul.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <cstring>

#include "kernels/instruction_set.h"
#include "kernels/matmul_avx512bf16.h"
#include "kernels/matmul_layout.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// Panels are read by 32-bit lanes: a lane is an output.
using DF = hn::CappedTag<float, kPanel>;
using DU = hn::RebindToUnsigned<DF>;
using DI = hn::RebindToSigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;
using VI = hn::Vec<DI>;
constexpr std::size_t kLanes = hn::MaxLanes(DF());

// As many vectors of a panel as fit the registers, where each takes `registers` for sums.
constexpr std::size_t tile_vectors(std::size_t registers) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
  constexpr std::size_t kSums = 24;  // of 32 registers
#else
  constexpr std::size_t kSums = 12;  // of 16
#endif
  std::size_t vectors = kPanel / kLanes;
  while (vectors > 1 && vectors * registers > kSums) vectors /= 2;
  return vectors;
}

template <typename T>
HWY_INLINE T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// A part of a tile: some steps, and the outputs from `first` on. Its sums go on from those of the
// steps before.
struct Part {
  const std::byte* weights;  // of the panel, at the first step
  const std::byte* x;        // of the first row, at the first step
  std::size_t row_bytes, steps, first;
  float* sums;     // [rows][kPanel]
  bool from_afar;  // the weights are not in the cache yet
};

// Of 64 outputs' four bytes each, those after the first kVectors: the next parts will need them,
// and memory is fastest when read in order.
template <std::size_t kVectors>
HWY_INLINE void fetch_rest(const Part& part, const void* weights) {
  constexpr std::size_t kLine = 64;
  if (!part.from_afar) return;
  for (std::size_t at = kVectors * kLanes * 4; at < kPanel * 4; at += kLine)
    hwy::Prefetch(static_cast<const std::byte*>(weights) + at);
}

template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void load_sums(const Part& part, VF (&sums)[kRows][kVectors]) {
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kVectors; ++v)
      sums[r][v] = hn::Load(DF(), part.sums + r * kPanel + part.first + v * kLanes);
}
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void store_sums(const VF (&sums)[kRows][kVectors], const Part& part) {
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t v = 0; v < kVectors; ++v)
      hn::Store(sums[r][v], DF(), part.sums + r * kPanel + part.first + v * kLanes);
}

struct Float32Tile {
  static constexpr std::size_t kRegisters = 1;  // per vector of sums
  static constexpr std::size_t kStep = 4 * kPanel, kRowStep = 4;

  template <std::size_t kRows, std::size_t kVectors>
  static HWY_INLINE void add(const Part& part) {
    const DF d;
    const std::byte* x = part.x;
    const float* weights = reinterpret_cast<const float*>(part.weights) + part.first;
    VF sums[kRows][kVectors];
    load_sums(part, sums);
    for (std::size_t k = 0; k < part.steps; ++k, x += kRowStep, weights += kPanel) {
      fetch_rest<kVectors>(part, weights);
      VF weight[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) weight[v] = hn::Load(d, weights + v * kLanes);
      for (std::size_t r = 0; r < kRows; ++r) {
        const VF value = hn::Set(d, read<float>(x + r * part.row_bytes));
        for (std::size_t v = 0; v < kVectors; ++v)
          sums[r][v] = hn::MulAdd(weight[v], value, sums[r][v]);
      }
    }
    store_sums(sums, part);
  }
};

struct Bf16Tile {
  static constexpr std::size_t kRegisters = 1;
  static constexpr std::size_t kStep = 4 * kPanel, kRowStep = 4;

  // A bf16 is the upper half of a float32, so a pair in 32 bits is widened by a shift and a mask.
  template <std::size_t kRows, std::size_t kVectors>
  static HWY_INLINE void add(const Part& part) {
    const DF d;
    const DU du;
    const VU upper = hn::Set(du, 0xffff0000u);
    const std::byte* x = part.x;
    const auto* weights = reinterpret_cast<const std::uint32_t*>(part.weights) + part.first;
    VF sums[kRows][kVectors];
    load_sums(part, sums);
    for (std::size_t pair = 0; pair < part.steps; ++pair, x += kRowStep, weights += kPanel) {
      fetch_rest<kVectors>(part, weights);
      for (std::size_t v = 0; v < kVectors; ++v) {
        const VU weight = hn::Load(du, weights + v * kLanes);
        const VF even = hn::BitCast(d, hn::ShiftLeft<16>(weight));
        const VF odd = hn::BitCast(d, hn::And(weight, upper));
        for (std::size_t r = 0; r < kRows; ++r) {
          const VU values = hn::Set(du, read<std::uint32_t>(x + r * part.row_bytes));
          sums[r][v] = hn::MulAdd(even, hn::BitCast(d, hn::ShiftLeft<16>(values)), sums[r][v]);
          sums[r][v] = hn::MulAdd(odd, hn::BitCast(d, hn::And(values, upper)), sums[r][v]);
        }
      }
    }
    store_sums(sums, part);
  }
};

// Four values of a row, ready to be multiplied with four weights in each lane.
#if HWY_TARGET == HWY_SCALAR
struct Quad {
  std::int32_t value[4];
};
HWY_INLINE Quad quad(const std::byte* x) {
  Quad q;
  for (int i = 0; i < 4; ++i) q.value[i] = read<std::int8_t>(x + i);
  return q;
}
HWY_INLINE void add_quads(VU weights, const Quad& q, VI& sum, VI&) {
  const std::uint32_t bytes = hn::GetLane(weights);
  std::int32_t total = hn::GetLane(sum);
  for (int i = 0; i < 4; ++i)
    total += static_cast<std::int32_t>(bytes >> (8 * i) & 255) * q.value[i];
  sum = hn::Set(DI(), total);
}
#else
// As 16-bit integers: the bytes 0 and 2 of a lane, and the bytes 1 and 3.
using D16 = hn::Repartition<std::int16_t, DI>;
using V16 = hn::Vec<D16>;
struct Quad {
  V16 even, odd;
};
HWY_INLINE Quad quad(const std::byte* x) {
  const V16 both = hn::BitCast(D16(), hn::Set(DU(), read<std::uint32_t>(x)));
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(both)), hn::ShiftRight<8>(both)};
}
// The sum is spread over `sum` and `other`: RearrangeToOddPlusEven brings it together.
HWY_INLINE void add_quads(VU weights, const Quad& q, VI& sum, VI& other) {
  const DI di;
  const hn::RebindToUnsigned<D16> du16;
  const V16 even = hn::And(hn::BitCast(D16(), weights), hn::Set(D16(), 255));
  const V16 odd = hn::BitCast(D16(), hn::ShiftRight<8>(hn::BitCast(du16, weights)));
  sum = hn::ReorderWidenMulAccumulate(di, even, q.even, sum, other);
  sum = hn::ReorderWidenMulAccumulate(di, odd, q.odd, sum, other);
}
#endif

// Integer sums of a group are exact; from group to group the scaled sums add up in float32.
template <std::size_t kGroup, bool kNibbles>
struct IntegerTile {
#if HWY_TARGET == HWY_NEON
  static constexpr std::size_t kRegisters = 3;  // a float32 and two integers
#else
  static constexpr std::size_t kRegisters = 2;
#endif
  static constexpr std::size_t kBytes = (kNibbles ? kGroup / 2 : kGroup) * kPanel;
  static constexpr std::size_t kStep = kBytes + kPanel * sizeof(Bf16);
  static constexpr std::size_t kRowStep = kGroupHead + kGroup;

  template <std::size_t kRows, std::size_t kVectors>
  static HWY_INLINE void add(const Part& part) {
    const DF d;
    const DI di;
    const std::byte* x = part.x;
    const std::byte* weights = part.weights;
    VF sums[kRows][kVectors];
    load_sums(part, sums);
    for (std::size_t group = 0; group < part.steps; ++group, x += kRowStep, weights += kStep) {
      VI dots[kRows][kVectors], others[kRows][kVectors];
      for (std::size_t r = 0; r < kRows; ++r)
        for (std::size_t v = 0; v < kVectors; ++v) dots[r][v] = others[r][v] = hn::Zero(di);
      const std::byte* values = x + kGroupHead;
      for (std::size_t at = part.first * 4; at < kBytes; at += 4 * kPanel) {
        fetch_rest<kVectors>(part, weights + at);
        values = add_products(weights + at, values, part.row_bytes, dots, others);
      }
      const auto* scales = reinterpret_cast<const Bf16*>(weights + kBytes) + part.first;
      for (std::size_t v = 0; v < kVectors; ++v) {
        const VF scale = load(d, scales + v * kLanes);
        for (std::size_t r = 0; r < kRows; ++r) {
          const std::byte* head = x + r * part.row_bytes;
          const VI start = hn::Set(di, read<std::int32_t>(head + sizeof(float)));
          const VI dot = hn::Add(hn::RearrangeToOddPlusEven(dots[r][v], others[r][v]), start);
          const VF both = hn::Mul(scale, hn::Set(d, read<float>(head)));
          sums[r][v] = hn::MulAdd(hn::ConvertTo(d, dot), both, sums[r][v]);
        }
      }
    }
    store_sums(sums, part);
  }

  // Four inputs, or eight with two nibbles a byte; returns where the next ones are.
  template <std::size_t kRows, std::size_t kVectors>
  static HWY_INLINE const std::byte* add_products(const std::byte* weights, const std::byte* values,
                                                  std::size_t row_bytes,
                                                  VI (&dots)[kRows][kVectors],
                                                  VI (&others)[kRows][kVectors]) {
    const DU du;
    const VU low = hn::Set(du, 0x0f0f0f0fu);
    VU all[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v)
      all[v] = hn::Load(du, reinterpret_cast<const std::uint32_t*>(weights) + v * kLanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Quad q = quad(values + r * row_bytes);
      for (std::size_t v = 0; v < kVectors; ++v)
        add_quads(kNibbles ? hn::And(all[v], low) : all[v], q, dots[r][v], others[r][v]);
    }
    if (!kNibbles) return values + 4;
    for (std::size_t r = 0; r < kRows; ++r) {
      const Quad q = quad(values + r * row_bytes + 4);
      for (std::size_t v = 0; v < kVectors; ++v)
        add_quads(hn::And(hn::ShiftRight<4>(all[v]), low), q, dots[r][v], others[r][v]);
    }
    return values + 8;
  }
};

// Where a panel is wider than the registers reach, its parts take turns after as many steps as a
// first-level cache holds, so that memory is still read in order.
template <class Tile, std::size_t kRows>
void multiply_rows(const PanelProduct& p, std::size_t row) {
  constexpr std::size_t kVectors = tile_vectors(kRows * Tile::kRegisters);
  constexpr std::size_t kTurn = 16 * 1024 / Tile::kStep;
  HWY_ALIGN float sums[kRows * kPanel] = {};
  for (std::size_t begin = 0; begin < p.steps; begin += kTurn) {
    Part part = {p.weights + begin * Tile::kStep,
                 p.prepared + row * p.row_bytes + begin * Tile::kRowStep,
                 p.row_bytes,
                 std::min(kTurn, p.steps - begin),
                 0,
                 sums,
                 row == 0};
    for (; part.first < kPanel; part.first += kVectors * kLanes, part.from_afar = false)
      Tile::template add<kRows, kVectors>(part);
  }
  for (std::size_t r = 0; r < kRows; ++r)
    std::memcpy(p.out + (row + r) * p.stride, sums + r * kPanel, p.columns * sizeof(float));
}

// Tiles of nearly equal size: 8 rows are 4 and 4, not 6 and 2.
template <class Tile>
void multiply_tiles(const PanelProduct& p) {
  const std::size_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t row = tile * p.rows / tiles, end = (tile + 1) * p.rows / tiles;
    switch (end - row) {
      case 1:
        multiply_rows<Tile, 1>(p, row);
        break;
      case 2:
        multiply_rows<Tile, 2>(p, row);
        break;
      case 3:
        multiply_rows<Tile, 3>(p, row);
        break;
      case 4:
        multiply_rows<Tile, 4>(p, row);
        break;
      case 5:
        multiply_rows<Tile, 5>(p, row);
        break;
      default:
        multiply_rows<Tile, kTileRows>(p, row);
    }
  }
}

void multiply(WeightType type, const PanelProduct& p) {
  switch (type) {
    case WeightType::float32:
      return multiply_tiles<Float32Tile>(p);
    case WeightType::bf16:
      return multiply_tiles<Bf16Tile>(p);
    case WeightType::int8:
      return multiply_tiles<IntegerTile<kInt8Group, false>>(p);
    case WeightType::int4:
      return multiply_tiles<IntegerTile<kInt4Group, true>>(p);
  }
}

// One group of `count` values, at most kGroup.
template <std::size_t kGroup>
HWY_INLINE void prepare_group(int offset, std::size_t count, const float* x, std::byte* to) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN float filled[kGroup];
  if (count < kGroup) {
    std::memcpy(filled, x, count * sizeof(float));
    std::fill(filled + count, filled + kGroup, 0.0f);
    x = filled;
  }
  auto most = hn::Zero(d);
  for (std::size_t k = 0; k < kGroup; k += lanes)
    most = hn::Max(most, hn::Abs(hn::LoadU(d, x + k)));
  const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  const bool zero = largest < 0x1p-100f;  // so small a scale has no inverse
  const float scale = zero ? 0 : largest / 127;
  const auto inverse = hn::Set(d, zero ? 0 : 127 / largest);
  // Its last bit is worth one, so adding it rounds to the nearest integer, ties to even; the same
  // everywhere, if product and sum are not fused (cmake/instruction_sets.cmake).
  const auto ones = hn::Set(d, 0x1.8p23f);
  auto sum = hn::Zero(di);
  for (std::size_t k = 0; k < kGroup; k += lanes) {
    const auto scaled = hn::Add(hn::Mul(hn::LoadU(d, x + k), inverse), ones);
    const auto value = hn::Sub(hn::BitCast(di, scaled), hn::BitCast(di, ones));
    sum = hn::Add(sum, value);
    hn::StoreU(hn::DemoteTo(d8, value), d8, reinterpret_cast<std::int8_t*>(to + kGroupHead) + k);
  }
  const std::int32_t start = -offset * hn::GetLane(hn::SumOfLanes(di, sum));
  std::memcpy(to, &scale, sizeof(scale));
  std::memcpy(to + sizeof(scale), &start, sizeof(start));
}

template <std::size_t kGroup>
void prepare_groups(int offset, std::size_t inputs, const float* x, std::byte* to) {
  for (std::size_t first = 0; first < inputs; first += kGroup, to += kGroupHead + kGroup)
    prepare_group<kGroup>(offset, std::min(kGroup, inputs - first), x + first, to);
}

void prepare(WeightType type, std::size_t inputs, const float* x, std::byte* to) {
  switch (type) {
    case WeightType::float32:
      std::memcpy(to, x, inputs * sizeof(float));
      return;
    case WeightType::bf16: {
      auto* rounded = reinterpret_cast<Bf16*>(to);
      for_each_vector(inputs, [&](auto d, std::size_t at)
                                  HWY_ATTR { store(d, hn::LoadU(d, x + at), rounded + at); });
      if (inputs % 2 != 0) rounded[inputs] = Bf16{};
      return;
    }
    case WeightType::int8:
      return prepare_groups<kInt8Group>(kInt8Offset, inputs, x, to);
    case WeightType::int4:
      return prepare_groups<kInt4Group>(kInt4Offset, inputs, x, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(multiply);
HWY_EXPORT(prepare);

void prepare_row(WeightType type, std::size_t inputs, const float* x, std::byte* prepared) {
  HWY_DYNAMIC_DISPATCH(prepare)(type, inputs, x, prepared);
}

void multiply_panel(const PackedMatrix& matrix, std::size_t panel, std::size_t rows,
                    const std::byte* prepared, float* out, std::size_t stride) {
  const std::size_t first = panel * kPanel;
  const PanelProduct product = {
      .weights = matrix.bytes + panel * panel_bytes(matrix.type, matrix.inputs),
      .steps = panel_steps(matrix.type, matrix.inputs),
      .prepared = prepared,
      .row_bytes = prepared_bytes(matrix.type, matrix.inputs),
      .rows = rows,
      .out = out + first,
      .stride = stride,
      .columns = std::min(kPanel, matrix.outputs - first)};
  if (instruction_set() == InstructionSet::avx512bf16 && matrix.type != WeightType::float32)
    multiply_avx512bf16(matrix.type, product);
  else
    HWY_DYNAMIC_DISPATCH(multiply)(matrix.type, product);
}

}  // namespace tessera::kernels
#endif
