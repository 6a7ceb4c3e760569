#include "tokenizer/quantizer_ema.h"

#include "base/error.h"

namespace tessera {
namespace {

constexpr double kSmoothing = 1e-5;

}  // namespace

EmaQuantizerImpl::EmaQuantizerImpl(const TokenizerConfig& config)
    : QuantizerImpl(config),
      decay_(config.codebook_decay),
      counts_(torch::ones({config.codebook_size})) {}

torch::Tensor EmaQuantizerImpl::smoothed_counts() const {
  const auto total = counts_.sum();
  const double smoothing = kSmoothing * static_cast<double>(counts_.size(0));
  return ((counts_ + kSmoothing) / (total + smoothing) * total).unsqueeze(1);
}

void EmaQuantizerImpl::observe(const Coded& coded) {
  torch::NoGradGuard no_grad;
  const auto size = counts_.size(0);
  const auto codes = coded.codes.flatten();
  const auto rows = coded.latents.permute({0, 2, 3, 1}).flatten(0, 2);  // [B h w, C]
  // The transpose of a look-up: adds up rows by code, in an order that is fixed on every device.
  const auto sums = at::embedding_dense_backward(rows, codes, size, /*padding_idx=*/-1,
                                                 /*scale_grad_by_freq=*/false);
  const auto counts = torch::bincount(codes, {}, size).to(rows.scalar_type());
  observed_sums_ = observed_sums_.defined() ? observed_sums_ + sums : sums;
  observed_counts_ = observed_counts_.defined() ? observed_counts_ + counts : counts;
}

void EmaQuantizerImpl::update_codes() {
  if (!observed_counts_.defined()) return;
  torch::NoGradGuard no_grad;
  auto& codes = embedding_->weight;
  counts_ = counts_.to(codes.options().requires_grad(false));  // the model may have moved
  const auto sums = decay_ * codes * smoothed_counts() + (1 - decay_) * observed_sums_;
  counts_ = decay_ * counts_ + (1 - decay_) * observed_counts_;
  codes.copy_(sums / smoothed_counts());
  observed_counts_.reset(), observed_sums_.reset();
}

void EmaQuantizerImpl::move_codes(const torch::Tensor& rows, const torch::Tensor& vectors) {
  QuantizerImpl::move_codes(rows, vectors);
  counts_.index_fill_(0, rows.to(counts_.device()), 1);
}

void EmaQuantizerImpl::load_statistics(const TensorMap& statistics, const std::string& where) {
  const auto counts = statistics.find("counts");
  if (counts == statistics.end()) throw Error(where + ": tensor 'quantizer.counts' is missing");
  if (counts->second.sizes() != counts_.sizes())
    throw Error(where + ": tensor 'quantizer.counts' has " +
                std::to_string(counts->second.numel()) + " values, expected " +
                std::to_string(counts_.numel()));
  counts_ = counts->second.clone();
  observed_counts_.reset(), observed_sums_.reset();  // of a step that is not to be
}

}  // namespace tessera
