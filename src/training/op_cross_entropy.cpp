#include "training/op_cross_entropy.h"

#include <ATen/Parallel.h>

#include "kernels/softmax.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class FusedCrossEntropy : public torch::autograd::Function<FusedCrossEntropy> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& logits,
                               const torch::Tensor& targets) {
    const auto values = logits.contiguous(), chosen = targets.contiguous();
    const auto columns = values.size(1);
    auto log_sums = torch::empty({values.size(0)}, torch::kFloat32);
    for_element_type(values, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, values.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::log_sum_exp(
            static_cast<std::size_t>(end - begin), static_cast<std::size_t>(columns),
            elements<T>(values) + begin * columns, elements<float>(log_sums) + begin);
      });
    });
    context->save_for_backward({values, chosen, log_sums});
    return log_sums - values.gather(1, chosen.unsqueeze(1)).squeeze(1).to(torch::kFloat32);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &logits = saved[0], &targets = saved[1], &log_sums = saved[2];
    const auto dnats = gradients[0].contiguous();
    const auto columns = logits.size(1);
    auto dlogits = torch::empty_like(logits);
    for_element_type(logits, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::cross_entropy_gradient(
            static_cast<std::size_t>(end - begin), static_cast<std::size_t>(columns),
            elements<T>(logits) + begin * columns, elements<float>(log_sums) + begin,
            elements<std::int64_t>(targets) + begin, elements<float>(dnats) + begin,
            elements<T>(dlogits) + begin * columns);
      });
    });
    return {dlogits, {}};
  }
};

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets) {
  if (has_kernels(logits)) return FusedCrossEntropy::apply(logits, targets);
  return -torch::log_softmax(logits.to(statistics_type(logits)), -1)
              .gather(1, targets.unsqueeze(1))
              .squeeze(1);
}

}  // namespace tessera
