#include "kernels/swiglu.h"

#include <cmath>
#include <random>

#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class Swiglu : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, Swiglu, testing::ValuesIn(instruction_sets()), instruction_set_name);

template <typename T>
std::vector<T> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<T> numbers(count);
  for (T& number : numbers) number = from_float<T>(static_cast<float>(rng() >> 8) * 0x1p-20f - 8);
  return numbers;
}

template <typename T>
void agrees() {
  // One rounding to T on top of a few dozen float32 roundings of values up to 64 and 512.
  constexpr double kRounding = sizeof(T) == 4 ? 0x1p-24 : 0x1p-8, kArithmetic = 32 * 0x1p-24;
  for (const std::size_t count : {0, 1, 15, 16, 100}) {
    const auto gate = random_numbers<T>(count, 1), up = random_numbers<T>(count, 2);
    const auto dy = random_numbers<T>(count, 3);
    std::vector<T> out(count), gate_gradient(count), up_gradient(count);
    swiglu(count, gate.data(), up.data(), out.data());
    swiglu_gradient(count, gate.data(), up.data(), dy.data(), gate_gradient.data(),
                    up_gradient.data());
    for (std::size_t at = 0; at < count; ++at) {
      const double g = to_float(gate[at]), u = to_float(up[at]), d = to_float(dy[at]);
      const double s = 1 / (1 + std::exp(-g));
      const auto expect = [&](T found, double exact, double size) {
        EXPECT_NEAR(to_float(found), exact, kRounding * std::abs(exact) + kArithmetic * size) << at;
      };
      expect(out[at], g * s * u, 64);
      expect(gate_gradient[at], d * u * (s + g * s * (1 - s)), 64);
      expect(up_gradient[at], d * g * s, 64);
    }
  }
}

TEST_P(Swiglu, MatchesDoublePrecision) {
  agrees<float>();
  agrees<Bf16>();
}

}  // namespace
}  // namespace tessera::kernels
