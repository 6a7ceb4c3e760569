#include "training/op_causal_attention.h"

#include <cmath>
#include <limits>

#include "training/op_precision.h"

namespace tessera {

torch::Tensor causal_attention(const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value) {
  const auto positions = query.size(2);
  const auto later =
      torch::ones({positions, positions}, query.options().dtype(torch::kBool)).triu(1);
  const auto scores = torch::matmul(query, key.transpose(2, 3)).to(statistics_type(query)) /
                      std::sqrt(static_cast<double>(query.size(3)));  // [B, heads, T, T]
  const auto shares =
      scores.masked_fill(later, -std::numeric_limits<double>::infinity()).softmax(-1);
  return torch::matmul(shares.to(value.scalar_type()), value).transpose(1, 2).flatten(2);
}

torch::Tensor cached_attention(const torch::Tensor& query, const torch::Tensor& keys,
                               const torch::Tensor& values) {
  const auto scores = torch::matmul(query, keys.transpose(2, 3)).to(statistics_type(query)) /
                      std::sqrt(static_cast<double>(query.size(3)));  // [B, heads, 1, T]
  return torch::matmul(scores.softmax(-1).to(values.scalar_type()), values)
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace tessera
