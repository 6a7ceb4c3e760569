#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/instruction_sets_test.h"
#include "kernels/matmul_layout.h"

namespace tessera::kernels {
namespace {

constexpr WeightType kTypes[] = {WeightType::float32, WeightType::bf16, WeightType::int8,
                                 WeightType::int4};

std::size_t group_of(WeightType type) { return type == WeightType::int8 ? kInt8Group : kInt4Group; }
bool is_integer(WeightType type) { return type == WeightType::int8 || type == WeightType::int4; }

std::vector<float> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(rng);
  return numbers;
}

/// Memory for kernels: aligned, and exactly as long as promised.
class Bytes {
 public:
  explicit Bytes(std::size_t size)
      : bytes_(static_cast<std::byte*>(std::aligned_alloc(64, size)), std::free) {
    std::memset(bytes_.get(), 0xff, size);
  }
  std::byte* data() { return bytes_.get(); }

 private:
  std::unique_ptr<std::byte, void (*)(void*)> bytes_;
};

struct Weights {
  Weights(WeightType type, std::size_t outputs, std::size_t inputs, const std::vector<float>& from)
      : bytes(packed_bytes(type, outputs, inputs)),
        matrix{type, outputs, inputs, bytes.data()},
        unpacked(outputs * inputs) {
    for (std::size_t panel = 0; panel < matrix.panels(); ++panel) {
      pack_panel(matrix, panel, from.data(), bytes.data());
      unpack_panel(matrix, panel, unpacked.data());
    }
  }
  Bytes bytes;
  PackedMatrix matrix;
  std::vector<float> unpacked;  // [outputs, inputs]
};

struct Rows {
  Rows(WeightType type_of_weights, std::size_t count, std::size_t inputs_of_row,
       const std::vector<float>& from)
      : type(type_of_weights),
        inputs(inputs_of_row),
        row_bytes(prepared_bytes(type, inputs)),
        bytes(count * row_bytes) {
    for (std::size_t row = 0; row < count; ++row)
      prepare_row(type, inputs, &from[row * inputs], at(row));
  }
  std::byte* at(std::size_t row) { return bytes.data() + row * row_bytes; }

  double value(std::size_t row, std::size_t k) {
    if (type == WeightType::float32) return read<float>(at(row) + 4 * k);
    if (type == WeightType::bf16) return to_float(read<Bf16>(at(row) + 2 * k));
    const std::byte* group = at(row) + k / group_of(type) * (kGroupHead + group_of(type));
    return static_cast<double>(read<float>(group)) *
           read<std::int8_t>(group + kGroupHead + k % group_of(type));
  }

  WeightType type;
  std::size_t inputs, row_bytes;
  Bytes bytes;

 private:
  template <typename T>
  static T read(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
};

constexpr float kUntouched = -12345;

std::vector<float> product(const PackedMatrix& matrix, std::size_t rows, const std::byte* prepared,
                           std::size_t stride) {
  std::vector<float> out(rows * stride, kUntouched);
  for (std::size_t panel = 0; panel < matrix.panels(); ++panel)
    multiply_panel(matrix, panel, rows, prepared, out.data(), stride);
  return out;
}

class Matmul : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, Matmul, testing::ValuesIn(instruction_sets()), instruction_set_name);

void agrees(Weights& weights, Rows& rows, std::size_t row, const float* out) {
  const std::size_t inputs = weights.matrix.inputs;
  for (std::size_t n = 0; n < weights.matrix.outputs; ++n) {
    double exact = 0, size = 0;
    for (std::size_t k = 0; k < inputs; ++k) {
      const double term = rows.value(row, k) * weights.unpacked[n * inputs + k];
      exact += term, size += std::abs(term);
    }
    // One rounding for each product and each sum; integers are exact inside a group, whose scales
    // multiply with one rounding more.
    const WeightType type = weights.matrix.type;
    const double roundings = is_integer(type)
                                 ? 3.0 * static_cast<double>(inputs / group_of(type) + 1)
                                 : 2.0 * static_cast<double>(inputs);
    const double flushed =
        static_cast<double>(inputs) * 0x1p-126;  // denormal terms may count as zero
    ASSERT_NEAR(out[n], exact, roundings * 0x1p-24 * size + flushed) << row << " " << n;
  }
}

// Against double precision one row at a time, then in company, where a row must not change by a
// bit.
void matches(WeightType type, std::size_t outputs, std::size_t inputs) {
  constexpr std::size_t kMost = 129;
  SCOPED_TRACE(testing::Message() << static_cast<int>(type) << ": " << outputs << " x " << inputs);
  Weights weights(type, outputs, inputs, random_numbers(outputs * inputs, 1));
  Rows rows(type, kMost, inputs, random_numbers(kMost * inputs, 2));
  std::vector<float> alone;
  for (std::size_t row = 0; row < kMost; ++row) {
    const auto out = product(weights.matrix, 1, rows.at(row), outputs);
    if (row < 10 || row + 1 == kMost) agrees(weights, rows, row, out.data());
    alone.insert(alone.end(), out.begin(), out.end());
  }
  for (const std::size_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 65, 129}) {
    const std::size_t stride = outputs + 3;
    const std::size_t first = kMost - count;
    const auto out = product(weights.matrix, count, rows.at(first), stride);
    for (std::size_t row = 0; row < count; ++row) {
      ASSERT_EQ(std::memcmp(&out[row * stride], &alone[(first + row) * outputs], outputs * 4), 0)
          << row << " of " << count;
      for (std::size_t n = outputs; n < stride; ++n) ASSERT_EQ(out[row * stride + n], kUntouched);
    }
  }
}

TEST_P(Matmul, MatchesDoublePrecisionAndIsTheSameInAnyCompany) {
  for (const WeightType type : kTypes) {
    for (const std::size_t inputs : {1, 2, 3, 31, 32, 33, 64, 100, 768})
      for (const std::size_t outputs : {1, 63, 64, 65, 200}) matches(type, outputs, inputs);
    matches(type, 65, 3072);
  }
}

TEST_P(Matmul, WorksOutAHandWorkedCase) {
  // Every number is exact in every type: scales are powers of two.
  const std::vector<float> weights = {127, -64, 0, 0, 127, 1}, x = {127, 2, -1};
  for (const WeightType type : kTypes) {
    std::vector<float> of_type = weights;
    if (type == WeightType::int4) of_type = {-8, 7, 0, 0, -8, 1};
    Weights packed(type, 2, 3, of_type);
    EXPECT_EQ(packed.unpacked, of_type);
    Rows row(type, 1, 3, x);
    const std::vector<float> expected = type == WeightType::int4
                                            ? std::vector<float>{-8 * 127 + 7 * 2, -8 * 2 - 1}
                                            : std::vector<float>{127 * 127 - 64 * 2, 127 * 2 - 1};
    EXPECT_EQ(product(packed.matrix, 1, row.at(0), 2), expected) << static_cast<int>(type);
  }
}

TEST_P(Matmul, StaysFiniteWithExtremeValues) {
  constexpr std::size_t kInputs = 100, kOutputs = 65;
  for (const WeightType type : kTypes)
    for (const float extreme : {0.0f, 1e-42f, 1e-30f, 1e18f, -1e18f}) {
      std::vector<float> values(kOutputs * kInputs, extreme == 0 ? 0 : 1e-42f), x(kInputs, 1e-3f);
      for (std::size_t n = 0; n < kOutputs; ++n) values[n * kInputs + n] = extreme;
      x[7] = extreme;
      Weights weights(type, kOutputs, kInputs, values);
      Rows row(type, 1, kInputs, x);
      for (const float out : product(weights.matrix, 1, row.at(0), kOutputs))
        EXPECT_TRUE(std::isfinite(out)) << static_cast<int>(type) << " " << extreme;
      agrees(weights, row, 0, product(weights.matrix, 1, row.at(0), kOutputs).data());
    }
}

TEST_P(Matmul, PreparesRowsWithinTheirPrecision) {
  for (const std::size_t inputs : {1, 2, 3, 31, 32, 33, 64, 100, 768}) {
    const auto x = random_numbers(inputs, 3);
    for (const WeightType type : kTypes) {
      Rows row(type, 1, inputs, x);
      for (std::size_t k = 0; k < inputs; ++k) {
        double bound = 0;
        if (type == WeightType::bf16) bound = std::abs(x[k]) * 0x1p-8;
        if (is_integer(type)) {
          const std::size_t first = k / group_of(type) * group_of(type);
          float largest = 0;
          for (std::size_t i = first; i < std::min(inputs, first + group_of(type)); ++i)
            largest = std::max(largest, std::abs(x[i]));
          bound =
              largest / 127 * (0.5 + 128 * 0x1p-23);  // half a step, and the division's rounding
        }
        EXPECT_NEAR(row.value(0, k), x[k], bound) << inputs << " " << k;
      }
    }
  }
}

// The integer parts are exact, so products of a single group, or of scales that are powers of two,
// are the same everywhere.
TEST(MatmulOnAllSets, AgreesOnIntegersToTheLastBit) {
  constexpr std::size_t kOutputs = 65, kRows = 9;
  for (const WeightType type : {WeightType::int8, WeightType::int4}) {
    const std::size_t inputs = group_of(type);
    const auto from = random_numbers(kOutputs * inputs, 4), x = random_numbers(kRows * inputs, 5);
    std::vector<float> scalar;
    for (const InstructionSet set : instruction_sets()) {
      use_instruction_set(set);
      Weights weights(type, kOutputs, inputs, from);
      Rows rows(type, kRows, inputs, x);
      const auto out = product(weights.matrix, kRows, rows.at(0), kOutputs);
      if (scalar.empty()) scalar = out;
      EXPECT_EQ(out, scalar) << name_of(set);
    }
  }
}

TEST(MatmulOnAllSets, PacksAndPreparesTheSameBytes) {
  constexpr std::size_t kOutputs = 70, kInputs = 150, kRows = 20;
  const auto from = random_numbers(kOutputs * kInputs, 8);
  for (const WeightType type : kTypes) {
    std::string first;
    for (const InstructionSet set : instruction_sets()) {
      use_instruction_set(set);
      Weights weights(type, kOutputs, kInputs, from);
      std::string bytes(reinterpret_cast<const char*>(weights.matrix.bytes),
                        packed_bytes(type, kOutputs, kInputs));
      Bytes row(prepared_bytes(type, kInputs));
      for (std::size_t at = 0; at < kRows; ++at) {
        prepare_row(type, kInputs, &from[at * kInputs], row.data());
        bytes.append(reinterpret_cast<const char*>(row.data()), prepared_bytes(type, kInputs));
      }
      if (first.empty()) first = bytes;
      EXPECT_TRUE(bytes == first) << name_of(set) << " " << static_cast<int>(type);
    }
  }
}

double squared_error(std::size_t count, const float* values, float scale) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double level = std::clamp(std::nearbyint(values[i] / scale), -8.0f, 7.0f);
    sum += std::pow(values[i] - level * scale, 2);
  }
  return sum;
}

TEST(PackedMatrix, KeepsWeightsWithinTheirPrecision) {
  constexpr std::size_t kOutputs = 70, kInputs = 150;
  const auto from = random_numbers(kOutputs * kInputs, 6);
  const Weights float32(WeightType::float32, kOutputs, kInputs, from);
  EXPECT_EQ(float32.unpacked, from);
  const Weights bf16(WeightType::bf16, kOutputs, kInputs, from);
  const Weights int8(WeightType::int8, kOutputs, kInputs, from);
  for (std::size_t n = 0; n < kOutputs; ++n)
    for (std::size_t k = 0; k < kInputs; ++k) {
      const std::size_t at = n * kInputs + k, first = at - k % kInt8Group;
      float largest = 0;
      for (std::size_t i = first; i < first + std::min(kInt8Group, kInputs - (first - n * kInputs));
           ++i)
        largest = std::max(largest, std::abs(from[i]));
      EXPECT_NEAR(bf16.unpacked[at], from[at], std::abs(from[at]) * 0x1p-8);
      // Half a step; scales are rounded up to bf16.
      EXPECT_NEAR(int8.unpacked[at], from[at], largest / 127 * (1 + 0x1p-7) / 2) << n << " " << k;
    }
}

TEST(PackedMatrix, ChoosesInt4ScalesNoWorseThanTheLargestWeightBySeven) {
  constexpr std::size_t kOutputs = 70, kInputs = 150;
  const auto from = random_numbers(kOutputs * kInputs, 7);
  const Weights weights(WeightType::int4, kOutputs, kInputs, from);
  double chosen = 0, plain = 0;
  for (std::size_t n = 0; n < kOutputs; ++n)
    for (std::size_t k = 0; k < kInputs; k += kInt4Group) {
      const std::size_t count = std::min(kInt4Group, kInputs - k);
      const float* group = &from[n * kInputs + k];
      float largest = 0;
      for (std::size_t i = 0; i < count; ++i)
        if (std::abs(group[i]) > std::abs(largest)) largest = group[i];
      double error = 0;
      for (std::size_t i = 0; i < count; ++i)
        error += std::pow(group[i] - weights.unpacked[n * kInputs + k + i], 2);
      const double by_seven = squared_error(count, group, to_float(from_float<Bf16>(largest / -7)));
      EXPECT_LE(error, by_seven * (1 + 1e-5)) << n << " " << k;
      chosen += error, plain += by_seven;
    }
  EXPECT_LT(chosen, 0.75 * plain);  // worth the search
}

}  // namespace
}  // namespace tessera::kernels
