#pragma once

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "generator/model.h"
#include "generator/token_batch.h"

namespace tessera {

/// How well a generator predicts given tokens, teacher-forced and with their own classes.
struct Likelihood {
  std::vector<double> by_position;  ///< mean nats of the token at each position
  double unigram_entropy = 0;  ///< nats; of the same tokens' frequencies, all positions together
  std::int64_t sequences = 0;

  double nats_per_token() const;
  double bits_per_image() const;
  /// What the context is worth: unigram entropy - nats per token.
  double predictability() const { return unigram_entropy - nats_per_token(); }
  /// The keys of `evaluate likelihood`.
  nlohmann::json json() const;
};

/// Matrix products run in bf16 if asked. `progress` may be null; it counts sequences.
Likelihood measure_likelihood(Transformer& model, const TokenFile& file,
                              const std::vector<SequenceId>& sequences, bool bf16,
                              Progress* progress = nullptr);

}  // namespace tessera
