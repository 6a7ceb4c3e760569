#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recipe/generator_config.h"

namespace tessera {

/// Draws tokens. Keeps its memory from draw to draw and nothing else; one for each thread.
class TokenPicker {
 public:
  /// A token drawn from softmax(logits / temperature), cut to the top_k likeliest and then to the
  /// likeliest that hold top_p of what is left; of equal logits the lower token counts as likelier.
  /// `uniform` in [0, 1) decides; the same numbers give the same token on every instruction set.
  /// Temperature 0 takes the likeliest. A logit of minus infinity is a token that cannot be.
  /// Throws Error when a logit is NaN or plus infinity, or none is finite.
  std::int64_t pick(std::span<const float> logits, const SamplingConfig& sampling, double uniform);

 private:
  /// The tokens that are left: the likeliest down to this one. `weight` is what they hold together.
  struct Kept {
    float logit;
    std::uint32_t token;
    std::uint64_t weight;
    bool holds(float other, std::uint32_t other_token) const;
  };
  /// Tokens of about the same logit.
  struct Bucket {
    std::uint64_t weight;
    std::size_t tokens;
  };

  void fill_buckets(std::span<const float> logits, float highest, float buckets_per_logit);
  /// The likeliest of `kept`, as few as make full(tokens, weight) true.
  template <typename Full>
  Kept cut(std::span<const float> logits, const Kept& kept, const Full& full);
  Kept cut_as_asked(std::span<const float> logits, Kept kept, const SamplingConfig& sampling);
  std::int64_t draw(std::span<const float> logits, const Kept& kept, double uniform) const;

  std::vector<std::uint32_t> weights_;  // [V]
  std::vector<std::uint16_t> places_;   // [V], the bucket of each token
  std::vector<Bucket> buckets_;         // likeliest first
  std::vector<std::uint32_t> tokens_;   // of one bucket
};

}  // namespace tessera
