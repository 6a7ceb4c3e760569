#include "kernels/softmax.h"

#include <cmath>
#include <random>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class Softmax : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, Softmax, testing::ValuesIn(instruction_sets()), instruction_set_name);

template <typename T>
std::vector<T> random_numbers(std::size_t count, unsigned seed, float scale) {
  std::mt19937 rng(seed);
  std::vector<T> numbers(count);
  for (T& number : numbers)
    number = from_float<T>(scale * (static_cast<float>(rng() >> 8) * 0x1p-23f - 1));
  return numbers;
}

template <typename T>
double exact_log_sum(std::size_t count, double scale, const T* row) {
  double sum = 0;
  for (std::size_t at = 0; at < count; ++at) sum += std::exp(scale * to_float(row[at]));
  return std::log(sum);
}

// Unit roundoff of the result, and float32 arithmetic on exponents of up to 16 in size.
template <typename T>
constexpr double kRounding = (sizeof(T) == 4 ? 0x1p-24 : 0x1p-8) + 32 * 0x1p-24;

template <typename T>
void cross_entropy_agrees() {
  for (const std::size_t columns : {1, 2, 15, 16, 33, 500}) {
    constexpr std::size_t kRows = 3;
    const auto logits = random_numbers<T>(kRows * columns, 1, 8);
    const std::int64_t targets[kRows] = {0, static_cast<std::int64_t>(columns) / 2,
                                         static_cast<std::int64_t>(columns) - 1};
    const float factors[kRows] = {1, -0.5f, 0.25f};
    std::vector<float> log_sums(kRows);
    std::vector<T> gradient(logits.size());
    log_sum_exp(kRows, columns, logits.data(), log_sums.data());
    cross_entropy_gradient(kRows, columns, logits.data(), log_sums.data(), targets, factors,
                           gradient.data());
    for (std::size_t row = 0; row < kRows; ++row) {
      const double log_sum = exact_log_sum(columns, 1, &logits[row * columns]);
      EXPECT_NEAR(log_sums[row], log_sum, 16 * 32 * 0x1p-24) << columns;
      for (std::size_t at = 0; at < columns; ++at) {
        const double share = std::exp(to_float(logits[row * columns + at]) - log_sum);
        const double exact =
            factors[row] * (share - (static_cast<std::int64_t>(at) == targets[row]));
        EXPECT_NEAR(to_float(gradient[row * columns + at]), exact,
                    kRounding<T> * std::abs(exact) + 32 * 0x1p-24)
            << columns << " " << at;
      }
    }
  }
}

TEST_P(Softmax, CrossEntropyMatchesDoublePrecision) {
  cross_entropy_agrees<float>();
  cross_entropy_agrees<Bf16>();
}

template <typename T>
void causal_agrees() {
  constexpr float kScale = 0.3f;
  for (const std::size_t positions : {1, 2, 17, 40}) {
    const std::size_t matrix = positions * positions;
    const auto scores = random_numbers<T>(2 * matrix, 2, 8);
    auto shares = scores;
    auto gradient = random_numbers<T>(2 * matrix, 3, 1);
    const auto share_gradient = gradient;
    // In two calls that meet inside a matrix, as threads do.
    const std::size_t half = positions + positions / 2;
    for (const std::size_t first : {std::size_t{0}, half}) {
      const std::size_t rows = first == 0 ? half : 2 * positions - half;
      causal_softmax(rows, positions, first, kScale, &shares[first * positions]);
      causal_softmax_gradient(rows, positions, first, kScale, &shares[first * positions],
                              &gradient[first * positions]);
    }
    for (std::size_t row = 0; row < 2 * positions; ++row) {
      const std::size_t seen = row % positions + 1;
      const T* score = &scores[row * positions];
      const double log_sum = exact_log_sum(seen, kScale, score);
      double along = 0;
      for (std::size_t at = 0; at < seen; ++at)
        along +=
            to_float(shares[row * positions + at]) * to_float(share_gradient[row * positions + at]);
      for (std::size_t at = 0; at < positions; ++at) {
        const std::size_t place = row * positions + at;
        const double share = at < seen ? std::exp(kScale * to_float(score[at]) - log_sum) : 0;
        EXPECT_NEAR(to_float(shares[place]), share, kRounding<T> * share) << place;
        const double exact =  // from the rounded shares, which are what the backward pass is given
            kScale * to_float(shares[place]) * (to_float(share_gradient[place]) - along);
        EXPECT_NEAR(to_float(gradient[place]), exact, kRounding<T> * std::abs(exact) + 64 * 0x1p-24)
            << place;
      }
    }
  }
}

TEST_P(Softmax, CausalSharesAndTheirGradientMatchDoublePrecision) {
  causal_agrees<float>();
  causal_agrees<Bf16>();
}

TEST_P(Softmax, SurvivesLargeScores) {
  std::vector<float> row = {1e4f, 1e4f, -1e4f};
  float log_sum = 0;
  log_sum_exp(1, 3, row.data(), &log_sum);
  EXPECT_FLOAT_EQ(log_sum, 1e4f + std::log(2.0f));
}

}  // namespace
}  // namespace tessera::kernels
