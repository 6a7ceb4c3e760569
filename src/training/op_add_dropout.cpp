#include "training/op_add_dropout.h"

#include <ATen/Parallel.h>

#include "base/random.h"
#include "kernels/add_dropout.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kBlock = 1 << 14;  // elements that share a key

// The mask is not stored: it is computed again from the seed. Every block has a key of its own.
template <typename Body>
void for_each_block(std::int64_t count, std::int64_t seed, const Body& body) {
  at::parallel_for(0, (count + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const auto first = block * kBlock;
      const auto key = mix({static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(block)});
      body(first, static_cast<std::size_t>(std::min(kBlock, count - first)),
           static_cast<std::uint32_t>(key));
    }
  });
}

class FusedAddDropout : public torch::autograd::Function<FusedAddDropout> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& branch, double drop) {
    const auto base = x.contiguous(), added = branch.contiguous();
    const auto seed = torch::randint(std::numeric_limits<std::int64_t>::max(), {1}, torch::kInt64)
                          .item<std::int64_t>();
    auto y = torch::empty_like(base);
    for_element_type(added, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      for_each_block(y.numel(), seed,
                     [&](std::int64_t first, std::size_t count, std::uint32_t key) {
                       kernels::add_dropout(count, key, static_cast<float>(drop),
                                            elements<float>(base) + first,
                                            elements<T>(added) + first, elements<float>(y) + first);
                     });
    });
    context->saved_data["seed"] = seed;
    context->saved_data["drop"] = drop;
    context->saved_data["bf16"] = branch.scalar_type() == torch::kBFloat16;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto dy = gradients[0].contiguous();
    const auto drop = static_cast<float>(context->saved_data["drop"].toDouble());
    auto dbranch = torch::empty(
        dy.sizes(), context->saved_data["bf16"].toBool() ? torch::kBFloat16 : torch::kFloat32);
    for_element_type(dbranch, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      for_each_block(dy.numel(), context->saved_data["seed"].toInt(),
                     [&](std::int64_t first, std::size_t count, std::uint32_t key) {
                       kernels::add_dropout_gradient(count, key, drop, elements<float>(dy) + first,
                                                     elements<T>(dbranch) + first);
                     });
    });
    return {dy, dbranch, {}};
  }
};

}  // namespace

torch::Tensor add_dropout(const torch::Tensor& x, const torch::Tensor& branch, double drop) {
  if (drop > 0 && x.scalar_type() == torch::kFloat32 && has_kernels(branch))
    return FusedAddDropout::apply(x, branch, drop);
  return x + torch::dropout(branch.to(x.scalar_type()), drop, drop > 0);
}

torch::Tensor drop_some(const torch::Tensor& x, double drop) {
  return drop > 0 ? torch::dropout(x, drop, true) : x;
}

torch::Tensor drop_samples(const torch::Tensor& x, double drop) {
  if (drop == 0) return x;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  // Not in bf16, which would round 1 / (1 - drop).
  const auto kept = torch::empty(shape, x.options().dtype(statistics_type(x))).bernoulli_(1 - drop);
  return x * (kept / (1 - drop));
}

}  // namespace tessera
