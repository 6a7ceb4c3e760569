#pragma once

#include <torch/torch.h>

#include <functional>
#include <span>
#include <vector>

#include "tokens/token_file.h"

namespace tessera {

/// One sequence of a token file.
struct SequenceId {
  std::int64_t image = 0, crop = 0;
};

struct TokenBatch {
  torch::Tensor codes;   ///< [B, T] int64
  torch::Tensor labels;  ///< [B] int64
};

TokenBatch read_batch(const TokenFile& file, std::span<const SequenceId> sequences,
                      const torch::Device& device);

/// Every crop of every image, in file order.
std::vector<SequenceId> all_sequences(const TokenFile& file);

/// At most `limit` of `sequences`, evenly spread.
std::vector<SequenceId> evenly_spread(const std::vector<SequenceId>& sequences, std::size_t limit);

/// Sequences to take at once when each costs `positions` x `vocabulary` logits: bounded memory, at
/// most 256.
std::size_t batch_for(std::int64_t positions, std::int64_t vocabulary);

}  // namespace tessera
