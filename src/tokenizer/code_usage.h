#pragma once

#include <torch/torch.h>

namespace tessera {

/// Counts how often each code is used.
class CodeUsage {
 public:
  explicit CodeUsage(int codebook_size) : counts_(torch::zeros({codebook_size}, torch::kInt64)) {}

  void add(const torch::Tensor& codes) {
    counts_ += torch::bincount(codes.flatten().cpu(), {}, counts_.size(0));
  }
  void clear() { counts_.zero_(); }
  void restore(const torch::Tensor& counts) { counts_.copy_(counts); }

  const torch::Tensor& counts() const { return counts_; }  ///< [codebook_size] int64
  torch::Tensor unused() const { return (counts_ == 0).nonzero().flatten(); }
  double used_share() const { return (counts_ > 0).to(torch::kFloat64).mean().item<double>(); }
  /// exp of the entropy of the codes' frequencies: how many codes are in use, evenly counted.
  double perplexity() const { return std::exp(entropy()); }
  /// Unigram entropy in nats.
  double entropy() const {
    const auto total = counts_.sum().item<double>();
    if (total == 0) return 0;
    const auto p = counts_.to(torch::kFloat64) / total;
    return -torch::special::xlogy(p, p).sum().item<double>();
  }

 private:
  torch::Tensor counts_;
};

}  // namespace tessera
