#include "generator/token_batch.h"

#include <algorithm>

namespace tessera {

TokenBatch read_batch(const TokenFile& file, std::span<const SequenceId> sequences,
                      const torch::Device& device) {
  const auto rows = static_cast<std::int64_t>(sequences.size());
  const auto length = static_cast<std::size_t>(file.tokens_per_image());
  TokenBatch batch{torch::empty({rows, file.tokens_per_image()}, torch::kInt64),
                   torch::empty({rows}, torch::kInt64)};
  auto* codes = batch.codes.data_ptr<std::int64_t>();
  auto* labels = batch.labels.data_ptr<std::int64_t>();
  for (const auto& [image, crop] : sequences) {
    file.read_codes(image, crop, {codes, length});
    codes += length;
    *labels++ = file.label(image);
  }
  return {batch.codes.to(device), batch.labels.to(device)};
}

std::vector<SequenceId> all_sequences(const TokenFile& file) {
  std::vector<SequenceId> sequences;
  for (std::int64_t image = 0; image < file.images(); ++image)
    for (std::int64_t crop = 0; crop < file.crops(); ++crop) sequences.push_back({image, crop});
  return sequences;
}

std::vector<SequenceId> evenly_spread(const std::vector<SequenceId>& sequences, std::size_t limit) {
  if (sequences.size() <= limit) return sequences;
  std::vector<SequenceId> chosen;
  for (std::size_t i = 0; i < limit; ++i) chosen.push_back(sequences[i * sequences.size() / limit]);
  return chosen;
}

std::size_t batch_for(std::int64_t positions, std::int64_t vocabulary) {
  constexpr std::int64_t kLogits = 1 << 26;
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(kLogits / (positions * vocabulary), 1, 256));
}

}  // namespace tessera
