#include "training/op_rms_norm.h"

#include <ATen/Parallel.h>

#include "kernels/rms_norm.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kBlockRows =
    64;  // sums over rows add up block by block, whatever the threads

class FusedRmsNorm : public torch::autograd::Function<FusedRmsNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, double epsilon) {
    const auto rows = x.contiguous();
    const auto columns = x.size(-1), count = x.numel() / columns;
    auto y = torch::empty(x.sizes(), x.options().dtype(product_type(x)));
    auto inverse = torch::empty({count}, torch::kFloat32);
    for_element_type(y, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, count, kBlockRows, [&](std::int64_t begin, std::int64_t end) {
        kernels::rms_norm(static_cast<std::size_t>(end - begin), static_cast<std::size_t>(columns),
                          static_cast<float>(epsilon), elements<float>(rows) + begin * columns,
                          elements<float>(weight), elements<float>(inverse) + begin,
                          elements<T>(y) + begin * columns);
      });
    });
    context->save_for_backward({rows, weight, inverse});
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const auto dy = gradients[0].contiguous();
    const auto columns = x.size(-1), count = x.numel() / columns;
    const auto blocks = (count + kBlockRows - 1) / kBlockRows;
    auto dx = torch::empty_like(x);
    auto dweight = torch::zeros({blocks, columns}, torch::kFloat32);
    for_element_type(dy, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
          const auto first = block * kBlockRows, last = std::min(count, first + kBlockRows);
          kernels::rms_norm_gradient(
              static_cast<std::size_t>(last - first), static_cast<std::size_t>(columns),
              elements<float>(x) + first * columns, elements<float>(weight),
              elements<float>(inverse) + first, elements<T>(dy) + first * columns,
              elements<float>(dx) + first * columns, elements<float>(dweight) + block * columns);
        }
      });
    });
    return {dx, dweight.sum(0), {}};
  }
};

}  // namespace

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  if (x.is_cpu() && x.scalar_type() == torch::kFloat32)
    return FusedRmsNorm::apply(x, weight, epsilon);
  const auto wide = x.to(statistics_type(x));
  const auto inverse = torch::rsqrt(wide.square().mean(-1, true) + epsilon);
  return (wide * inverse * weight).to(product_type(x));
}

}  // namespace tessera
