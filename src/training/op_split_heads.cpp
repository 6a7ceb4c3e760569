#include "training/op_split_heads.h"

#include <ATen/Parallel.h>

#include <cstring>

#include "kernels/turn_heads.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using torch::autograd::variable_list;

constexpr std::int64_t kBlockTokens =
    64;  // sums over tokens add up block by block, whatever the threads

// Per element rather than per pair: rows cos cos and -sin sin of each position, [2, T, D].
torch::Tensor spread_pairs(const torch::Tensor& rotation) {
  const auto cosine = rotation.select(-1, 0), sine = rotation.select(-1, 1);  // [T, D/2]
  return torch::stack({torch::stack({cosine, cosine}, -1).flatten(1),
                       torch::stack({-sine, sine}, -1).flatten(1)})
      .contiguous();
}

struct Layout {
  std::int64_t rows, positions, heads, size;

  explicit Layout(const torch::Tensor& qkv, std::int64_t head_count)
      : rows(qkv.size(0)),
        positions(qkv.size(1)),
        heads(head_count),
        size(qkv.size(2) / (3 * head_count)) {}
  std::int64_t tokens() const { return rows * positions; }
  std::int64_t blocks() const { return (tokens() + kBlockTokens - 1) / kBlockTokens; }
  kernels::HeadBlock block() const {
    return {static_cast<std::size_t>(heads), static_cast<std::size_t>(size),
            static_cast<std::size_t>(positions * size)};
  }
  /// Where a token's query lies in qkv; key and value follow heads * size later.
  std::int64_t before(std::int64_t token) const { return token * 3 * heads * size; }
  /// Where its first head lies in [B, heads, T, D].
  std::int64_t after(std::int64_t token) const {
    return (token / positions * heads * positions + token % positions) * size;
  }
  /// Calls body(token, block of tokens) in threads.
  template <typename Body>
  void for_each_token(const Body& body) const {
    at::parallel_for(0, blocks(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin * kBlockTokens;
           token < std::min(tokens(), end * kBlockTokens); ++token)
        body(token, token / kBlockTokens);
    });
  }
};

class FusedSplitHeads : public torch::autograd::Function<FusedSplitHeads> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& qkv,
                               const torch::Tensor& rotation, std::int64_t heads,
                               const torch::Tensor& query_weight, const torch::Tensor& key_weight,
                               double epsilon) {
    const auto x = qkv.contiguous();
    const Layout layout(x, heads);
    const auto angles = spread_pairs(rotation);
    tensor_list parts;
    for (int part = 0; part < 3; ++part)
      parts.push_back(
          torch::empty({layout.rows, heads, layout.positions, layout.size}, x.options()));
    for_element_type(x, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      layout.for_each_token([&](std::int64_t token, std::int64_t) {
        const T* from = elements<T>(x) + layout.before(token);
        for (const auto& [part, weight] : {std::pair{0, query_weight}, {1, key_weight}})
          kernels::turn_heads(
              layout.block(), turn_at(angles, token % layout.positions, weight, epsilon),
              from + part * heads * layout.size,
              elements<T>(parts[static_cast<std::size_t>(part)]) + layout.after(token));
        for (std::int64_t head = 0; head < heads; ++head)
          std::memcpy(
              elements<T>(parts[2]) + layout.after(token) + head * layout.positions * layout.size,
              from + (2 * heads + head) * layout.size,
              static_cast<std::size_t>(layout.size) * sizeof(T));
      });
    });
    context->save_for_backward({x, angles, query_weight, key_weight});
    context->saved_data["heads"] = heads;
    context->saved_data["epsilon"] = epsilon;
    return parts;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &angles = saved[1];
    const auto heads = context->saved_data["heads"].toInt();
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const Layout layout(x, heads);
    for (auto& gradient : gradients) gradient = gradient.contiguous();
    auto dx = torch::empty_like(x);
    auto dweights = torch::zeros({2, layout.blocks(), layout.size}, torch::kFloat32);
    for_element_type(x, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      layout.for_each_token([&](std::int64_t token, std::int64_t block) {
        const auto at = layout.before(token), after = layout.after(token);
        for (std::int64_t part = 0; part < 2; ++part)
          kernels::turn_heads_gradient(
              layout.block(),
              turn_at(angles, token % layout.positions, saved[static_cast<std::size_t>(2 + part)],
                      epsilon),
              elements<T>(x) + at + part * heads * layout.size,
              elements<T>(gradients[static_cast<std::size_t>(part)]) + after,
              elements<T>(dx) + at + part * heads * layout.size,
              elements<float>(dweights) + (part * layout.blocks() + block) * layout.size);
        for (std::int64_t head = 0; head < heads; ++head)
          std::memcpy(elements<T>(dx) + at + (2 * heads + head) * layout.size,
                      elements<T>(gradients[2]) + after + head * layout.positions * layout.size,
                      static_cast<std::size_t>(layout.size) * sizeof(T));
      });
    });
    const auto dweight = [&](std::size_t part) {
      return saved[2 + part].numel() ? dweights[static_cast<std::int64_t>(part)].sum(0)
                                     : torch::Tensor();
    };
    return {dx, {}, {}, dweight(0), dweight(1), {}};
  }

 private:
  static kernels::HeadTurn turn_at(const torch::Tensor& angles, std::int64_t position,
                                   const torch::Tensor& weight, double epsilon) {
    const float* cosines = elements<float>(angles) + position * angles.size(2);
    return {weight.numel() ? elements<float>(weight) : nullptr, static_cast<float>(epsilon),
            cosines, cosines + angles.size(1) * angles.size(2)};
  }
};

// x is [B, T, heads, D]; the result is [B, heads, T, D].
torch::Tensor normalise_and_turn(torch::Tensor x, const torch::Tensor& weight,
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
  if (has_kernels(qkv)) {
    // LibTorch's functions take no undefined tensors: an empty one stands for no weight.
    const auto given = [](const torch::Tensor& weight) {
      return weight.defined() ? weight : torch::empty({0});
    };
    const auto parts = FusedSplitHeads::apply(qkv, rotation, heads, given(query_weight),
                                              given(key_weight), epsilon);
    return {parts[0], parts[1], parts[2]};
  }
  const auto type = statistics_type(qkv);
  const auto parts = qkv.unflatten(-1, {3, heads, qkv.size(-1) / (3 * heads)}).unbind(2);
  const auto turned = [&](const torch::Tensor& part, const torch::Tensor& weight) {
    return normalise_and_turn(part.to(type), weight, rotation.to(type), epsilon)
        .to(qkv.scalar_type());
  };
  return {turned(parts[0], query_weight), turned(parts[1], key_weight), parts[2].transpose(1, 2)};
}

}  // namespace tessera
