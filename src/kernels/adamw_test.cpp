#include "kernels/adamw.h"

#include <cmath>
#include <random>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class AdamW : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, AdamW, testing::ValuesIn(instruction_sets()), instruction_set_name);

std::vector<float> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(rng() >> 8) * 0x1p-23f - 1;
  return numbers;
}

TEST_P(AdamW, MatchesTheReferenceAtEveryLength) {
  const AdamWFactors factors{0.9f, 0.95f, 0.7f, 0.999f, 0.01f, 1.3f, 1e-8f};
  for (const std::size_t count : {0, 1, 7, 16, 31, 64, 1000}) {
    const auto gradient = random_numbers(count, 1);
    auto parameter = random_numbers(count, 2), first = random_numbers(count, 3), second = first;
    for (float& value : second) value = 0.5f + value * value;
    auto parameter2 = parameter, first2 = first, second2 = second;
    adamw(factors, count, gradient.data(), parameter.data(), first.data(), second.data());
    adamw_reference(factors, count, gradient.data(), parameter2.data(), first2.data(),
                    second2.data());
    // A handful of roundings of values below 2, some fused and some not.
    for (std::size_t at = 0; at < count; ++at) {
      EXPECT_NEAR(first[at], first2[at], 4 * 0x1p-24) << count << " " << at;
      EXPECT_NEAR(second[at], second2[at], 8 * 0x1p-24) << count << " " << at;
      EXPECT_NEAR(parameter[at], parameter2[at], 4 * 0x1p-24) << count << " " << at;
    }
  }
}

TEST_P(AdamW, SumOfSquaresIsExactToDoublePrecision) {
  for (const std::size_t count : {0, 1, 9, 100, 4097}) {
    const auto values = random_numbers(count, 4);
    double expected = 0;
    for (const float value : values) expected += static_cast<double>(value) * value;
    EXPECT_NEAR(sum_of_squares(count, values.data()), expected,
                static_cast<double>(count) * expected * 0x1p-52);
  }
}

TEST_P(AdamW, SumOfSquaresReportsWhatIsNotFinite) {
  auto values = random_numbers(100, 5);
  values[42] = std::nanf("");
  EXPECT_TRUE(std::isnan(sum_of_squares(values.size(), values.data())));
  values[42] = HUGE_VALF;
  EXPECT_TRUE(std::isinf(sum_of_squares(values.size(), values.data())));
}

}  // namespace
}  // namespace tessera::kernels
