#include "training/op_split_heads.h"

#include "training/op_precision.h"

namespace tessera {
namespace {

// x is [B, T, heads, D]; the result is [B, heads, T, D].
torch::Tensor normalise_and_rotate(torch::Tensor x, const torch::Tensor& weight,
                                   const torch::Tensor& rotation, double epsilon) {
  if (weight.defined()) x = x * torch::rsqrt(x.square().mean(-1, true) + epsilon) * weight;
  const auto pairs = x.unflatten(-1, {x.size(-1) / 2, 2});
  const auto even = pairs.select(-1, 0), odd = pairs.select(-1, 1);  // [B, T, heads, D/2]
  const auto cosine = rotation.select(-1, 0).unsqueeze(1),
             sine = rotation.select(-1, 1).unsqueeze(1);
  return torch::stack({even * cosine - odd * sine, odd * cosine + even * sine}, -1)
      .flatten(-2)
      .transpose(1, 2);
}

}  // namespace

Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& rotation, int heads,
                  const torch::Tensor& query_weight, const torch::Tensor& key_weight,
                  double epsilon) {
  const auto type = statistics_type(qkv);
  const auto parts = qkv.unflatten(-1, {3, heads, qkv.size(-1) / (3 * heads)}).unbind(2);
  const auto turned = [&](const torch::Tensor& part, const torch::Tensor& weight) {
    return normalise_and_rotate(part.to(type), weight, rotation.to(type), epsilon)
        .to(qkv.scalar_type());
  };
  return {turned(parts[0], query_weight), turned(parts[1], key_weight), parts[2].transpose(1, 2)};
}

}  // namespace tessera
