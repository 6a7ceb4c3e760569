#include "training/op_causal_attention.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

#include "kernels/softmax.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kGrainRows = 64;

// Calls body(rows, first row, offset) in threads for the rows of scores [..., T, T].
template <typename Body>
void for_each_rows(const torch::Tensor& scores, const Body& body) {
  const auto columns = scores.size(-1);
  at::parallel_for(0, scores.numel() / columns, kGrainRows,
                   [&](std::int64_t begin, std::int64_t end) {
                     body(static_cast<std::size_t>(end - begin), static_cast<std::size_t>(begin),
                          begin * columns);
                   });
}

class FusedCausalAttention : public torch::autograd::Function<FusedCausalAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& query,
                               const torch::Tensor& key, const torch::Tensor& value) {
    const auto q = query.flatten(0, 1), k = key.flatten(0, 1), v = value.flatten(0, 1);
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.size(2))));
    auto shares = torch::bmm(q, k.transpose(1, 2)).contiguous();  // [B * heads, T, T]
    for_element_type(shares, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      for_each_rows(shares, [&](std::size_t rows, std::size_t first, std::int64_t at) {
        kernels::causal_softmax(rows, static_cast<std::size_t>(shares.size(2)), first, scale,
                                elements<T>(shares) + at);
      });
    });
    context->save_for_backward({q, k, v, shares});
    context->saved_data["heads"] = query.size(1);
    return torch::bmm(shares, v)
        .unflatten(0, {query.size(0), query.size(1)})
        .transpose(1, 2)
        .flatten(2);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &shares = saved[3];
    const auto heads = context->saved_data["heads"].toInt();
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.size(2))));
    const auto dy = gradients[0].unflatten(-1, {heads, q.size(2)}).transpose(1, 2).flatten(0, 1);
    const auto dv = torch::bmm(shares.transpose(1, 2), dy);
    const auto dscores = torch::bmm(dy, v.transpose(1, 2)).contiguous();
    for_element_type(shares, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      for_each_rows(shares, [&](std::size_t rows, std::size_t first, std::int64_t at) {
        kernels::causal_softmax_gradient(rows, static_cast<std::size_t>(shares.size(2)), first,
                                         scale, elements<T>(shares) + at,
                                         elements<T>(dscores) + at);
      });
    });
    const auto split = [&](const torch::Tensor& x) {
      return x.unflatten(0, {x.size(0) / heads, heads});
    };
    return {split(torch::bmm(dscores, k)), split(torch::bmm(dscores.transpose(1, 2), q)),
            split(dv)};
  }
};

}  // namespace

torch::Tensor causal_attention(const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value) {
  if (has_kernels(query)) return FusedCausalAttention::apply(query, key, value);
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
