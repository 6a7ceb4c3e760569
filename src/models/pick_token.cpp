#include "models/pick_token.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace tessera {
namespace {

struct Candidate {
  double weight;
  std::int64_t token;
};

// Likeliest first; equals in the order of their tokens, so that the choice is the same everywhere.
bool likelier(const Candidate& a, const Candidate& b) {
  return a.weight > b.weight || (a.weight == b.weight && a.token < b.token);
}

double total(const std::vector<Candidate>& candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), 0.0,
                         [](double sum, const Candidate& next) { return sum + next.weight; });
}

void keep_top(std::vector<Candidate>& candidates, const SamplingConfig& sampling) {
  const auto size = candidates.size();
  const auto kept =
      sampling.top_k > 0 ? std::min(size, static_cast<std::size_t>(sampling.top_k)) : size;
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept),
                    candidates.end(), likelier);
  candidates.resize(kept);
  const double enough = sampling.top_p * total(candidates);
  double held = 0;
  const auto last = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& next) {
    held += next.weight;
    return held >= enough;
  });
  if (last != candidates.end()) candidates.erase(last + 1, candidates.end());
}

std::int64_t draw(const std::vector<Candidate>& candidates, double uniform) {
  double left = uniform * total(candidates);
  for (const auto& [weight, token] : candidates) {
    left -= weight;
    if (left < 0) return token;
  }
  // Rounding may leave a little: the last one that can be drawn at all.
  return std::find_if(candidates.rbegin(), candidates.rend(),
                      [](const Candidate& next) { return next.weight > 0; })
      ->token;
}

}  // namespace

std::int64_t pick_token(std::span<const float> logits, const SamplingConfig& sampling,
                        double uniform) {
  const auto best = std::max_element(logits.begin(), logits.end());
  if (!std::isfinite(*best))
    throw Error("the generator's logits are not finite: its training has diverged");
  if (sampling.temperature == 0) return best - logits.begin();
  std::vector<Candidate> candidates(logits.size());
  for (std::size_t token = 0; token < logits.size(); ++token)
    candidates[token] = {
        std::exp((logits[token] - *best) / static_cast<float>(sampling.temperature)),
        static_cast<std::int64_t>(token)};
  if (sampling.top_k > 0 || sampling.top_p < 1) keep_top(candidates, sampling);
  return draw(candidates, uniform);
}

}  // namespace tessera
