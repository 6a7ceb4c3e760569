#include "tokenizer/code_cross_entropy.h"

#include "tokenizer/code_distance.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class CodeCrossEntropy : public torch::autograd::Function<CodeCrossEntropy> {
 public:
  // With the logits a = -precision d:  dL/da = (softmax(a) - onehot(c)) / N, whose rows add up to
  // 0,
  //   da/do = 2 precision (e - o)      da/dprecision = -d
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& predicted,
                               const torch::Tensor& precision, const torch::Tensor& codebook,
                               const torch::Tensor& codes) {
    const auto count = predicted.size(0);
    auto loss = torch::zeros({}, predicted.options()), dprecision = torch::zeros_like(precision);
    auto dpredicted = torch::empty_like(predicted);
    for_each_slice(
        predicted, codebook.size(0), [&](std::int64_t first, const torch::Tensor& slice) {
          const auto last = first + slice.size(0);
          const auto chosen = codes.slice(0, first, last).unsqueeze(1);  // [n, 1]
          auto distances = code_distances(slice, codebook);              // [n, V]
          auto log_p = torch::log_softmax(distances * -precision, 1);    // [n, V]
          loss -= log_p.gather(1, chosen).sum();
          const auto dlogits =
              log_p.exp_().scatter_add_(1, chosen, torch::full_like(chosen, -1, slice.options()));
          dpredicted.slice(0, first, last).copy_(dlogits.mm(codebook));
          dprecision -= distances.mul_(dlogits).sum();
        });
    context->save_for_backward(
        {dpredicted * (2 * precision / count), dprecision / static_cast<double>(count)});
    return loss / count;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    return {gradients[0] * saved[0], gradients[0] * saved[1], torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor code_cross_entropy(const torch::Tensor& predicted, const torch::Tensor& precision,
                                 const torch::Tensor& codebook, const torch::Tensor& codes) {
  return CodeCrossEntropy::apply(predicted.contiguous(), precision, codebook, codes);
}

}  // namespace tessera
