#include "kernels/nearest_indices.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class NearestIndices : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, NearestIndices, testing::ValuesIn(instruction_sets()),
                         instruction_set_name);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_numbers(std::size_t count, std::size_t seed) {
  std::mt19937 rng(static_cast<unsigned>(seed));
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(rng() >> 8) * 0x1p-23f - 1;
  return numbers;
}

// So few different values that many codes are equally near, equal or not.
std::vector<float> small_integers(std::size_t count, std::size_t seed) {
  auto numbers = random_numbers(count, seed);
  for (float& number : numbers) number = std::round(2 * number);
  return numbers;
}

struct Result {
  bool finite = true;
  std::vector<std::int64_t> indices;
  std::vector<float> distances;
};

Result prepared_for(std::size_t rows) {
  return {true, std::vector<std::int64_t>(rows, -1), std::vector<float>(rows, kNaN)};
}

class Codebook {
 public:
  Codebook(std::size_t codes, std::size_t dim, std::vector<float> codebook)
      : values_(std::move(codebook)), shape_{codes, dim, nullptr} {
    packed_.resize(shape_.tiles() * shape_.tile_floats());
    shape_.values = packed_.data();
    for (std::size_t tile = 0; tile < shape_.tiles(); ++tile)
      finite_ = pack_codes(shape_, tile, values_.data(), packed_.data()) && finite_;
  }

  Result search(const std::vector<float>& z) const {
    auto result = prepared_for(z.size() / shape_.dim);
    result.finite = finite_ && nearest_indices(shape_, result.indices.size(), z.data(),
                                               result.indices.data(), result.distances.data());
    return result;
  }
  Result reference(const std::vector<float>& z) const {
    auto result = prepared_for(z.size() / shape_.dim);
    result.finite =
        nearest_indices_reference(shape_.codes, shape_.dim, values_.data(), result.indices.size(),
                                  z.data(), result.indices.data(), result.distances.data());
    return result;
  }
  const float* code(std::int64_t index) const {
    return &values_[static_cast<std::size_t>(index) * shape_.dim];
  }
  std::size_t codes() const { return shape_.codes; }
  std::size_t dim() const { return shape_.dim; }

 private:
  std::vector<float> values_, packed_;
  PackedCodebook shape_;
  bool finite_ = true;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, {}, std::bit_cast<std::uint32_t, float>,
                            std::bit_cast<std::uint32_t, float>);
}

void expect_the_reference(const Codebook& codebook, const std::vector<float>& z) {
  const auto found = codebook.search(z), expected = codebook.reference(z);
  EXPECT_TRUE(found.finite && expected.finite);
  EXPECT_EQ(found.indices, expected.indices) << codebook.codes() << " codes of " << codebook.dim();
  EXPECT_TRUE(same_bits(found.distances, expected.distances))
      << codebook.codes() << " codes of " << codebook.dim();
}

TEST_P(NearestIndices, AreTheReferenceBitForBit) {
  for (const std::size_t codes : {1, 2, 7, 8, 17, 63, 64, 65, 1000})
    for (const std::size_t dim : {1, 2, 3, 4, 8, 16, 17, 32, 256})
      for (const std::size_t rows : {0, 1, 2, 5, 6, 7, 13, 97}) {
        expect_the_reference({codes, dim, random_numbers(codes * dim, codes + dim)},
                             random_numbers(rows * dim, rows));
        expect_the_reference({codes, dim, small_integers(codes * dim, codes + dim)},
                             small_integers(rows * dim, rows));
      }
}

TEST_P(NearestIndices, AreTheReferenceWithALargeCodebook) {
  for (const std::size_t dim : {3, 8}) {
    expect_the_reference({16384, dim, random_numbers(16384 * dim, 1)}, random_numbers(41 * dim, 2));
    expect_the_reference({16384, dim, small_integers(16384 * dim, 1)}, small_integers(41 * dim, 2));
  }
}

// The checksum was computed once: no instruction set, compiler or machine may have another.
TEST_P(NearestIndices, AreTheSameOnEveryInstructionSet) {
  constexpr std::size_t kDim = 8;
  const auto found =
      Codebook(4099, kDim, random_numbers(4099 * kDim, 3)).search(random_numbers(500 * kDim, 4));
  std::uint64_t checksum = 0;
  for (std::size_t row = 0; row < found.indices.size(); ++row) {
    checksum = checksum * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(found.indices[row]);
    checksum = checksum * 0x9e3779b97f4a7c15 + std::bit_cast<std::uint32_t>(found.distances[row]);
  }
  EXPECT_EQ(checksum, 16877980490821494980u);
}

TEST_P(NearestIndices, AreTheNearestInDoublePrecision) {
  for (const std::size_t dim : {1, 8, 256}) {
    constexpr std::size_t kCodes = 1000, kRows = 30;
    const Codebook codebook(kCodes, dim, random_numbers(kCodes * dim, 5));
    const auto z = random_numbers(kRows * dim, 6);
    const auto found = codebook.search(z);
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto exact = [&](std::int64_t index) {
        double sum = 0;
        for (std::size_t k = 0; k < dim; ++k) {
          const double e = codebook.code(index)[k];
          sum += e * e / 2 - e * static_cast<double>(z[row * dim + k]);
        }
        return sum;
      };
      double least = exact(0);
      for (std::size_t code = 1; code < kCodes; ++code)
        least = std::min(least, exact(static_cast<std::int64_t>(code)));
      // Values are below 1: two products and two sums a dimension, of at most 1.5 dim.
      const double terms = static_cast<double>(dim), bound = 4 * terms * 1.5 * terms * 0x1p-24;
      EXPECT_NEAR(found.distances[row], exact(found.indices[row]), bound) << dim;
      EXPECT_LE(exact(found.indices[row]), least + 2 * bound) << dim;
    }
  }
}

TEST_P(NearestIndices, OfEqualCodesTheLowestIsChosen) {
  constexpr std::size_t kDim = 8, kCodes = 1000;
  const auto z = random_numbers(50 * kDim, 8);
  for (const std::size_t period : {1, 3, 4, 16, 17, 64, 65, 500}) {  // across lanes and tiles
    auto values = random_numbers(kCodes * kDim, 7);
    for (std::size_t at = period * kDim; at < values.size(); ++at)
      values[at] = values[at - period * kDim];
    const auto found = Codebook(kCodes, kDim, values).search(z);
    const auto unique = Codebook(period, kDim, values).search(z);
    EXPECT_EQ(found.indices, unique.indices) << period;
    EXPECT_TRUE(same_bits(found.distances, unique.distances)) << period;
  }
}

TEST_P(NearestIndices, DoNotDependOnTheOtherRows) {
  for (const std::size_t dim : {3, 8, 32}) {
    constexpr std::size_t kRows = 200;
    const Codebook codebook(777, dim, random_numbers(777 * dim, 9));
    const auto z = random_numbers(kRows * dim, 10);
    const auto all = codebook.search(z);
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto alone = codebook.search({&z[row * dim], &z[row * dim] + dim});
      EXPECT_EQ(alone.indices[0], all.indices[row]) << row;
      EXPECT_TRUE(same_bits(alone.distances, {all.distances[row]})) << row;
    }
  }
}

TEST_P(NearestIndices, WhatIsNotFiniteIsRefused) {
  constexpr std::size_t kDim = 4, kCodes = 70, kRows = 9;
  const auto codes = random_numbers(kCodes * kDim, 11), z = random_numbers(kRows * kDim, 12);
  for (const float value : {kNaN, kInfinity, -kInfinity, 1e20f}) {  // the square of 1e20 overflows
    for (const std::size_t at : {std::size_t{0}, std::size_t{17}, kRows * kDim - 1}) {
      auto wrong = z;
      wrong[at] = value;
      EXPECT_FALSE(Codebook(kCodes, kDim, codes).search(wrong).finite) << value << " " << at;
      EXPECT_FALSE(Codebook(kCodes, kDim, codes).reference(wrong).finite) << value << " " << at;
    }
    for (const std::size_t at : {std::size_t{0}, std::size_t{17}, kCodes * kDim - 1}) {
      auto wrong = codes;
      wrong[at] = value;
      EXPECT_FALSE(Codebook(kCodes, kDim, wrong).search(z).finite) << value << " " << at;
      EXPECT_FALSE(Codebook(kCodes, kDim, wrong).reference(z).finite) << value << " " << at;
    }
  }
}

// Sums may overflow, but not to a NaN, which no comparison would choose.
TEST_P(NearestIndices, TheLargestFiniteValuesHaveAnIndex) {
  const float large = 0x1.6a09e4p63f;  // its square is just below the largest float32
  for (const float sign : {-1.0f, 1.0f}) {
    expect_the_reference({3, 1, {sign * large, large, -large}}, {large, -large, 0.0f, 1e-45f});
    EXPECT_EQ(Codebook(70, 1, std::vector<float>(70, sign * large)).search({large}).indices[0], 0);
  }
}

}  // namespace
}  // namespace tessera::kernels
