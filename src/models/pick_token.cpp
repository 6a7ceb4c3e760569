#include "models/pick_token.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "kernels/token_weights.h"

namespace tessera {
namespace {

constexpr std::size_t kBuckets = 1024;
constexpr std::size_t kMostTokens = std::size_t{1} << 22;  // so that a double holds sums of weights

float octaves_per_logit(double temperature) {
  return static_cast<float>(std::clamp<double>(std::numbers::log2e / temperature,
                                               std::numeric_limits<float>::min(),
                                               std::numeric_limits<float>::max()));
}

// Spreads the logits between the lowest and the highest over the buckets, but for those too low to
// have a weight, which share the last.
float buckets_per_logit(const kernels::LogitRange& range, float octaves) {
  const float logits = std::min(range.highest - range.lowest, kernels::kWeightOctaves / octaves);
  return std::clamp(kBuckets / logits, std::numeric_limits<float>::min(),
                    std::numeric_limits<float>::max());
}

}  // namespace

bool TokenPicker::Kept::holds(float other, std::uint32_t other_token) const {
  return (other > logit) | ((other == logit) & (other_token <= token));
}

// A bucket never holds a likelier token than the one before it: differences and products are
// rounded in the order of what is rounded.
void TokenPicker::fill_buckets(std::span<const float> logits, float highest,
                               float buckets_per_logit) {
  buckets_.assign(kBuckets, {});
  places_.resize(logits.size());
  for (std::size_t token = 0; token < logits.size(); ++token)
    places_[token] = static_cast<std::uint16_t>(
        static_cast<int>(std::min((highest - logits[token]) * buckets_per_logit, kBuckets - 1.0f)));
  for (std::size_t token = 0; token < logits.size(); ++token) {
    Bucket& bucket = buckets_[places_[token]];
    bucket.weight += weights_[token];
    ++bucket.tokens;
  }
}

template <typename Full>
TokenPicker::Kept TokenPicker::cut(std::span<const float> logits, const Kept& kept,
                                   const Full& full) {
  std::uint64_t weight = 0;  // of all that is likelier than this bucket
  std::size_t tokens = 0, place = 0;
  for (; place + 1 < kBuckets; ++place) {
    const Bucket& next = buckets_[place];
    if (full(tokens + next.tokens, weight + next.weight)) break;
    weight += next.weight;
    tokens += next.tokens;
  }
  tokens_.clear();
  for (std::uint32_t token = 0; token < logits.size(); ++token)
    if (places_[token] == place && kept.holds(logits[token], token)) tokens_.push_back(token);
  std::sort(tokens_.begin(), tokens_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  });
  std::uint32_t last = 0;
  for (const std::uint32_t token : tokens_) {
    last = token;
    weight += weights_[token];
    if (full(++tokens, weight)) break;
  }
  return {logits[last], last, weight};
}

// The first token, in their order, with which the weights of those kept exceed uniform * their sum.
// That product rounds to less than the sum, so there is one.
std::int64_t TokenPicker::draw(std::span<const float> logits, const Kept& kept,
                               double uniform) const {
  constexpr std::size_t kBlock = 128;
  auto left = static_cast<std::uint64_t>(uniform * static_cast<double>(kept.weight));
  for (std::size_t first = 0;; first += kBlock) {
    const std::size_t end = std::min(first + kBlock, logits.size());
    const auto weight_at = [&](std::size_t token) -> std::uint32_t {
      return kept.holds(logits[token], static_cast<std::uint32_t>(token)) ? weights_[token] : 0;
    };
    std::uint64_t sum = 0;
    for (std::size_t token = first; token < end; ++token) sum += weight_at(token);
    if (left >= sum) {
      left -= sum;
      continue;
    }
    for (std::size_t token = first;; left -= weight_at(token++))
      if (left < weight_at(token)) return static_cast<std::int64_t>(token);
  }
}

TokenPicker::Kept TokenPicker::cut_as_asked(std::span<const float> logits, Kept kept,
                                            const SamplingConfig& sampling) {
  if (sampling.top_k > 0)
    kept = cut(logits, kept, [&](std::size_t tokens, std::uint64_t) {
      return tokens >= static_cast<std::size_t>(sampling.top_k);
    });
  if (sampling.top_p < 1) {
    const double enough = sampling.top_p * static_cast<double>(kept.weight);
    kept = cut(logits, kept, [&](std::size_t, std::uint64_t weight) {
      return static_cast<double>(weight) >= enough;
    });
  }
  return kept;
}

std::int64_t TokenPicker::pick(std::span<const float> logits, const SamplingConfig& sampling,
                               double uniform) {
  TESSERA_CHECK(!logits.empty() && logits.size() <= kMostTokens && uniform >= 0 && uniform < 1);
  const auto range = kernels::range_of(logits.size(), logits.data());
  if (!std::isfinite(range.highest))
    throw Error("the generator's logits are not finite: its training has diverged");
  if (sampling.temperature == 0)
    return std::find(logits.begin(), logits.end(), range.highest) - logits.begin();
  const float octaves = octaves_per_logit(sampling.temperature);
  weights_.resize(logits.size());
  const std::uint64_t sum =
      kernels::token_weights(logits.size(), logits.data(), range.highest, octaves, weights_.data());
  const Kept all = {-std::numeric_limits<float>::infinity(),
                    static_cast<std::uint32_t>(logits.size() - 1), sum};
  if (sampling.top_k == 0 && sampling.top_p == 1) return draw(logits, all, uniform);
  fill_buckets(logits, range.highest, buckets_per_logit(range, octaves));
  return draw(logits, cut_as_asked(logits, all, sampling), uniform);
}

}  // namespace tessera
