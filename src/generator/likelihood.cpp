#include "generator/likelihood.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/interrupt.h"
#include "training/device.h"
#include "training/op_cross_entropy.h"

namespace tessera {
namespace {

double entropy(const torch::Tensor& counts) {
  const auto share = counts.to(torch::kFloat64) / counts.sum();
  return -torch::special::xlogy(share, share).sum().item<double>();
}

}  // namespace

double Likelihood::nats_per_token() const {
  return std::accumulate(by_position.begin(), by_position.end(), 0.0) /
         static_cast<double>(by_position.size());
}

double Likelihood::bits_per_image() const {
  return nats_per_token() * static_cast<double>(by_position.size()) / std::numbers::ln2;
}

nlohmann::json Likelihood::json() const {
  return {{"nats_per_token", nats_per_token()},
          {"bits_per_image", bits_per_image()},
          {"unigram_entropy", unigram_entropy},
          {"code_perplexity", std::exp(unigram_entropy)},
          {"predictability", predictability()},
          {"by_position", by_position},
          {"sequences", sequences}};
}

Likelihood measure_likelihood(Transformer& model, const TokenFile& file,
                              const std::vector<SequenceId>& sequences, bool bf16,
                              Progress* progress) {
  TESSERA_CHECK(!sequences.empty());
  torch::NoGradGuard no_grad;
  model->eval();
  const auto device = model->parameters().front().device();
  const auto& shape = model->shape();
  const auto batch_size = batch_for(shape.positions(), shape.vocabulary);
  auto nats = torch::zeros({shape.positions()}, torch::kFloat64);
  auto counts = torch::zeros({shape.vocabulary}, torch::kInt64);
  for (std::size_t first = 0; first < sequences.size(); first += batch_size) {
    stop_if_interrupted();
    const auto count = std::min(batch_size, sequences.size() - first);
    const auto batch = read_batch(file, std::span(sequences).subspan(first, count), device);
    const Autocast autocast(bf16, device);
    const auto logits = model(batch.labels, batch.codes);  // [B, T, V]
    nats += cross_entropy(logits.flatten(0, 1), batch.codes.flatten())
                .view_as(batch.codes)
                .to(torch::kFloat64)
                .sum(0)
                .cpu();
    counts += torch::bincount(batch.codes.flatten().cpu(), {}, shape.vocabulary);
    if (progress) progress->update(static_cast<std::int64_t>(first + count));
  }
  nats /= static_cast<double>(sequences.size());
  const auto* values = nats.data_ptr<double>();
  return {.by_position = {values, values + nats.numel()},
          .unigram_entropy = entropy(counts),
          .sequences = static_cast<std::int64_t>(sequences.size())};
}

}  // namespace tessera
