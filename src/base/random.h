#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace tessera {

/// Mixes numbers into one seed, so that every sample, step or image has random numbers of its own:
/// mix({seed, step}).
constexpr std::uint64_t mix(std::initializer_list<std::uint64_t> values) {
  std::uint64_t state = 0x9e3779b97f4a7c15;
  for (const std::uint64_t value : values) {
    state = (state ^ value) + 0x9e3779b97f4a7c15;  // splitmix64's finaliser, Steele et al. 2014
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state;
}

/// A small random number generator (splitmix64); the same on every platform, unlike std::uniform_*.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}
  constexpr std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Uniform in 0 .. count-1; count is at least 1 and far below 2^64, so the bias does not show.
  constexpr std::uint64_t below(std::uint64_t count) { return next() % count; }

 private:
  std::uint64_t state_;
};

/// Shuffles in place (Fisher-Yates).
template <typename T>
void shuffle(std::vector<T>& values, Rng& rng) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
}

}  // namespace tessera
