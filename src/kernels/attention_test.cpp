#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "kernels/bf16.h"
#include "kernels/instruction_sets_test.h"

namespace tessera::kernels {
namespace {

class Attention : public EveryInstructionSet {};
INSTANTIATE_TEST_SUITE_P(All, Attention, testing::ValuesIn(instruction_sets()),
                         instruction_set_name);

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr CacheType kTypes[] = {CacheType::float32, CacheType::bf16, CacheType::int8};

std::vector<float> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(rng() >> 8) * 0x1p-22f - 2;
  return numbers;
}

float largest_size(std::size_t count, const float* numbers) {
  float largest = 0;
  for (std::size_t at = 0; at < count; ++at) largest = std::max(largest, std::abs(numbers[at]));
  return largest;
}

/// Keys and values [positions, head_size] and a query, with a cache that holds `length` of them.
/// All memory that nobody has written is NaN.
struct Head {
  Head(CacheType type, std::size_t length, std::size_t head_size)
      : shape{type, length + 3, head_size},
        keys(random_numbers(length * head_size, 1)),
        values(random_numbers(length * head_size, 2)),
        query(random_numbers(head_size, 3)),
        cache(shape.bytes() / sizeof(float), kNaN) {}

  std::size_t length() const { return keys.size() / shape.head_size; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(shape.head_size)); }
  std::byte* bytes() { return reinterpret_cast<std::byte*>(cache.data()); }
  const float* key(std::size_t position) const { return &keys[position * shape.head_size]; }
  const float* value(std::size_t position) const { return &values[position * shape.head_size]; }

  void append(std::size_t position) {
    append_to_cache(shape, position, key(position), value(position), bytes());
  }
  std::vector<float> attended(std::size_t length) {
    std::vector<float> scores((shape.positions + 15) / 16 * 16, kNaN);
    std::vector<float> out(shape.head_size + 1, kNaN);
    attend(shape, bytes(), length, scale(), query.data(), scores.data(), out.data());
    EXPECT_TRUE(std::isnan(out.back()));
    out.pop_back();
    return out;
  }
  std::vector<float> attended() {
    for (std::size_t position = 0; position < length(); ++position) append(position);
    return attended(length());
  }

  HeadCache shape;
  std::vector<float> keys, values, query;
  std::vector<float> cache;  // 4-byte numbers, so that memory beyond 64 bytes is not aligned to it
};

// What the cache stands for.
std::vector<float> rounded(CacheType type, std::size_t head_size, std::vector<float> numbers) {
  for (std::size_t first = 0; first < numbers.size(); first += head_size) {
    const float step = largest_size(head_size, &numbers[first]) / 127, inverse = 1 / step;
    for (std::size_t at = first; at < first + head_size; ++at) {
      if (type == CacheType::bf16) numbers[at] = to_float(from_float<Bf16>(numbers[at]));
      if (type == CacheType::int8) numbers[at] = std::nearbyint(numbers[at] * inverse) * step;
    }
  }
  return numbers;
}

/// Attention in double precision, and what bounds depend on.
struct Exact {
  Exact(const Head& head, const std::vector<float>& keys, const std::vector<float>& values)
      : out(head.shape.head_size), sizes(head.shape.head_size) {
    const std::size_t head_size = head.shape.head_size;
    std::vector<double> scores(head.length());
    for (std::size_t position = 0; position < scores.size(); ++position) {
      double size = 0;
      for (std::size_t channel = 0; channel < head_size; ++channel) {
        const double product = static_cast<double>(head.scale()) * head.query[channel] *
                               keys[position * head_size + channel];
        scores[position] += product;
        size += std::abs(product);
      }
      score_size = std::max(score_size, size);
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score - most);
    for (std::size_t position = 0; position < scores.size(); ++position)
      for (std::size_t channel = 0; channel < head_size; ++channel) {
        const double part = scores[position] / sum * values[position * head_size + channel];
        out[channel] += part;
        sizes[channel] += std::abs(part);
      }
  }
  std::vector<double> out;
  std::vector<double> sizes;  // by channel, sum of |share * value|
  double score_size = 0;      // the largest sum of |scale * query * key|
};

std::string name_of(CacheType type, std::size_t length, std::size_t head_size) {
  const char* names[] = {"float32", "bf16", "int8"};
  return std::string(names[static_cast<int>(type)]) + " length " + std::to_string(length) +
         " head size " + std::to_string(head_size);
}

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all = {255, 256, 257, 1024};
  for (std::size_t length = 1; length <= 40; ++length) all.push_back(length);
  return all;
}
constexpr std::size_t kHeadSizes[] = {4, 20, 64, 80, 100, 128};

TEST_P(Attention, MatchesDoublePrecisionOnWhatTheCacheStandsFor) {
  for (const CacheType type : kTypes)
    for (const std::size_t head_size : kHeadSizes)
      for (const std::size_t length : lengths()) {
        Head head(type, length, head_size);
        const Exact exact(head, rounded(type, head_size, head.keys),
                          rounded(type, head_size, head.values));
        const auto out = head.attended();
        // Sums of D products, exponents of up to twice score_size, sums over the positions; 16 for
        // scales, exp and the quotient.
        const double unit = 0x1p-24, sums = static_cast<double>(length + 16);
        const double score_error = exact.score_size * static_cast<double>(head_size + 4) * unit;
        const double error = 2 * score_error + 2 * exact.score_size * unit + sums * unit;
        for (std::size_t channel = 0; channel < head_size; ++channel)
          ASSERT_NEAR(out[channel], exact.out[channel], error * exact.sizes[channel])
              << name_of(type, length, head_size) << " channel " << channel;
      }
}

// If no score is off by more than e, no share is off by more than a factor of exp(2 e).
TEST_P(Attention, RoundingOfKeysAndValuesIsBounded) {
  for (const CacheType type : {CacheType::bf16, CacheType::int8})
    for (const std::size_t head_size : kHeadSizes)
      for (const std::size_t length : {1, 2, 17, 256}) {
        Head head(type, length, head_size);
        const Exact exact(head, head.keys, head.values);
        const auto out = head.attended();
        double score_error = 0x1p-8 * exact.score_size, value_error = 0;
        if (type == CacheType::int8) {
          double query_size = 0;
          for (const float number : head.query) query_size += std::abs(number);
          const double half_step = largest_size(head.keys.size(), head.keys.data()) / 254;
          score_error = head.scale() * query_size * half_step;
          value_error = largest_size(head.values.size(), head.values.data()) / 254;
        }
        const double relative = std::expm1(2 * score_error);
        for (std::size_t channel = 0; channel < head_size; ++channel) {
          const double size = exact.sizes[channel];
          const double rounding =
              type == CacheType::bf16 ? 0x1p-8 * (1 + relative) * size : value_error;
          const double arithmetic = 0x1p-12 * (1 + relative) * size;
          EXPECT_NEAR(out[channel], exact.out[channel], relative * size + rounding + arithmetic)
              << name_of(type, length, head_size) << " channel " << channel;
        }
      }
}

TEST_P(Attention, SurvivesLargeScores) {
  for (const CacheType type : kTypes) {
    Head head(type, 21, 64);
    head.query.assign(64, 1e3f);
    for (std::size_t at = 0; at < head.keys.size(); ++at)
      head.keys[at] = at / 64 == 5 || at / 64 == 20 ? 1e3f : -1e3f;  // scores of +-8e6
    const auto out = head.attended();
    const auto values = rounded(type, 64, head.values);
    for (std::size_t channel = 0; channel < 64; ++channel)
      EXPECT_NEAR(out[channel], (values[5 * 64 + channel] + values[20 * 64 + channel]) / 2, 0x1p-21)
          << name_of(type, 21, 64);
  }
}

// As for the class position of LlamaGen's checkpoints.
TEST_P(Attention, KeysOfZeroCountEqually) {
  for (const CacheType type : kTypes) {
    Head head(type, 3, 4);
    head.keys.assign(12, 0);
    head.values = {127, 0, -127, 0, 0, 0, 0, 0, 127, 127, 127, 127};
    const auto out = head.attended();
    const float expected[] = {254.0f / 3, 127.0f / 3, 0, 127.0f / 3};
    for (std::size_t channel = 0; channel < 4; ++channel)
      EXPECT_NEAR(out[channel], expected[channel], 254 * 0x1p-22) << name_of(type, 3, 4);
  }
}

TEST_P(Attention, LaterPositionsDoNotMatter) {
  for (const CacheType type : kTypes)
    for (const std::size_t length : {1, 2, 15, 16, 17, 33, 100}) {
      Head head(type, 160, 20);
      for (std::size_t position = 0; position < length; ++position) head.append(position);
      const auto before = head.attended(length);
      for (std::size_t position = length; position < 160; ++position) head.append(position);
      EXPECT_EQ(head.attended(length), before) << name_of(type, length, 20);
      EXPECT_TRUE(std::isfinite(before[0]));
    }
}

TEST_P(Attention, PositionsComeInAnyOrder) {
  for (const CacheType type : kTypes) {
    Head forwards(type, 37, 20), backwards(type, 37, 20);
    for (std::size_t position = 37; position-- > 0;) backwards.append(position);
    backwards.append(7);  // again, as after a step that was undone
    EXPECT_EQ(forwards.attended(), backwards.attended(37)) << name_of(type, 37, 20);
  }
}

TEST(AttentionCache, TakesWhatItsNumbersTake) {
  EXPECT_EQ((HeadCache{CacheType::float32, 256, 64}.bytes()), 256u * 64 * 2 * 4);
  EXPECT_EQ((HeadCache{CacheType::bf16, 256, 64}.bytes()), 256u * 64 * 2 * 2);
  EXPECT_EQ((HeadCache{CacheType::int8, 256, 64}.bytes()), 256u * (64 + 4) * 2);
  for (const CacheType type : kTypes)
    for (const std::size_t positions : {1, 15, 17, 257})
      EXPECT_EQ((HeadCache{type, positions, 100}.bytes() % 64), 0u);
}

}  // namespace
}  // namespace tessera::kernels
