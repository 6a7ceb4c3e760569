#pragma once

#include "tokenizer/quantizer.h"

namespace tessera {

/// Codes are exponential moving averages of the latents that chose them (VQ-VAE, arXiv 1711.00937,
/// appendix A.1): no gradient and no optimizer moves them.
///
///   N_k <- decay N_k + (1 - decay) n_k,   m_k <- decay m_k + (1 - decay) sum of k's n_k latents
///   e_k = m_k / N'_k,   N'_k = (N_k + 1e-5) / (sum N + 1e-5 V) sum N      (Laplace smoothing)
///
/// The m_k are not stored: they are e_k N'_k, so that whatever places codes (loaded weights,
/// move_codes) needs no sums beside. A code that was placed counts as chosen once a step.
class EmaQuantizerImpl : public QuantizerImpl {
 public:
  explicit EmaQuantizerImpl(const TokenizerConfig& config);

  void move_codes(const torch::Tensor& rows, const torch::Tensor& vectors) override;
  void observe(const Coded& coded) override;
  void update_codes() override;
  TensorMap statistics() const override { return {{"counts", counts_}}; }
  void load_statistics(const TensorMap& statistics, const std::string& where) override;

 protected:
  torch::Tensor trained_codes() override { return embedding_->weight.detach(); }

 private:
  torch::Tensor smoothed_counts() const;  // N' [V, 1]
  double decay_;
  torch::Tensor counts_;  // N [V]
  torch::Tensor observed_counts_,
      observed_sums_;  // of this step, [V] and [V, C]; undefined if none
};

}  // namespace tessera
