#include "training/op_swiglu.h"

#include <ATen/Parallel.h>

#include "kernels/swiglu.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kGrain = 1 << 14;  // elements that are worth a thread

class FusedSwiglu : public torch::autograd::Function<FusedSwiglu> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& gate,
                               const torch::Tensor& up) {
    const auto g = gate.contiguous(), u = up.contiguous();
    auto y = torch::empty_like(g);
    for_element_type(g, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, g.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernels::swiglu(static_cast<std::size_t>(end - begin), elements<T>(g) + begin,
                        elements<T>(u) + begin, elements<T>(y) + begin);
      });
    });
    context->save_for_backward({g, u});
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &g = saved[0], &u = saved[1];
    const auto dy = gradients[0].contiguous();
    auto dg = torch::empty_like(g), du = torch::empty_like(u);
    for_element_type(g, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, g.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernels::swiglu_gradient(static_cast<std::size_t>(end - begin), elements<T>(g) + begin,
                                 elements<T>(u) + begin, elements<T>(dy) + begin,
                                 elements<T>(dg) + begin, elements<T>(du) + begin);
      });
    });
    return {dg, du};
  }
};

}  // namespace

torch::Tensor swiglu(const torch::Tensor& gate, const torch::Tensor& up) {
  if (has_kernels(gate)) return FusedSwiglu::apply(gate, up);
  const auto type = statistics_type(gate);
  return (torch::silu(gate.to(type)) * up.to(type)).to(gate.scalar_type());
}

}  // namespace tessera
