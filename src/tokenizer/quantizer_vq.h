#pragma once

#include "tokenizer/quantizer.h"

namespace tessera {

/// Codes are weights that the codebook loss trains (VQGAN, arXiv 2012.09841; LlamaGen's with
/// l2_normalised).
class VqQuantizerImpl : public QuantizerImpl {
 public:
  explicit VqQuantizerImpl(const TokenizerConfig& config) : QuantizerImpl(config) {}

 protected:
  torch::Tensor trained_codes() override { return embedding_->weight; }
};

}  // namespace tessera
