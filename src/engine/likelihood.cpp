#include "engine/likelihood.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"
#include "kernels/softmax.h"

namespace tessera {
namespace {

// Nats of all tokens of the sequences first .. first + count.
double batch_nats(TokenTransformer& transformer, const TokenFile& tokens, std::int64_t first,
                  std::size_t count) {
  const std::size_t positions = transformer.positions(), vocabulary = transformer.vocabulary();
  std::vector<AlignedBuffer> caches;
  std::vector<std::vector<std::int64_t>> codes(count, std::vector<std::int64_t>(positions));
  for (std::size_t i = 0; i < count; ++i) {
    caches.emplace_back(transformer.cache_bytes());
    tokens.read_codes(first + static_cast<std::int64_t>(i), 0, codes[i]);
  }
  AlignedArray<float> logits(count * vocabulary);
  std::vector<double> nats(count, 0.0);
  for (std::size_t position = 0; position < positions; ++position) {
    stop_if_interrupted();
    std::vector<SequenceStep> rows;
    for (std::size_t i = 0; i < count; ++i) {
      const auto input = position == 0 ? tokens.label(first + static_cast<std::int64_t>(i))
                                       : static_cast<int>(codes[i][position - 1]);
      rows.push_back({input, position, caches[i].data()});
    }
    transformer.step(rows, logits.data());
    transformer.pool().for_each(count, [&](std::size_t i, int) {
      const float* row = logits.data() + i * vocabulary;
      float total;
      kernels::log_sum_exp(1, vocabulary, row, &total);
      nats[i] += double{total} - row[codes[i][position]];
    });
  }
  return std::accumulate(nats.begin(), nats.end(), 0.0);
}

}  // namespace

double nats_per_token(TokenTransformer& transformer, const TokenFile& tokens, std::int64_t images,
                      const std::function<void(std::int64_t)>& progress) {
  TESSERA_CHECK(tokens.tokens_per_image() == static_cast<int>(transformer.positions()));
  const auto last = std::min(images, tokens.images());
  TESSERA_CHECK(last > 0);
  double nats = 0;
  for (std::int64_t first = 0; first < last;) {
    const auto count =
        std::min<std::int64_t>(last - first, static_cast<std::int64_t>(transformer.rows()));
    nats += batch_nats(transformer, tokens, first, static_cast<std::size_t>(count));
    first += count;
    if (progress) progress(first);
  }
  return nats / static_cast<double>(last * tokens.tokens_per_image());
}

}  // namespace tessera
