// Quantizers in float64 with given codes, for tests.
#pragma once

#include "tokenizer/quantizer.h"

namespace tessera {

constexpr auto kDouble = torch::kFloat64;

/// A quantizer of this kind whose codebook is `codes` [V, C].
inline Quantizer quantizer_with(TokenizerConfig config, const torch::Tensor& codes) {
  config.codebook_size = static_cast<int>(codes.size(0));
  config.code_size = static_cast<int>(codes.size(1));
  auto quantizer = make_quantizer(config);
  quantizer->to(kDouble);
  quantizer->move_codes(torch::arange(codes.size(0)), codes);
  return quantizer;
}

inline torch::Tensor grid_of(const torch::Tensor& rows) {  // [T, C] -> [1, C, 1, T]
  return rows.t().reshape({1, rows.size(1), 1, rows.size(0)});
}

}  // namespace tessera
