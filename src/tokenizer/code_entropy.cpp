#include "tokenizer/code_entropy.h"

#include <limits>

#include "tokenizer/code_distance.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

torch::Tensor log_choices(const torch::Tensor& latents, const torch::Tensor& codebook,
                          double temperature) {  // [N, V]
  return torch::log_softmax(code_distances(latents, codebook).div_(-temperature), 1);
}

class CodeEntropyLoss : public torch::autograd::Function<CodeEntropyLoss> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& latents,
                               const torch::Tensor& codebook, double temperature) {
    auto negative_entropy = torch::zeros({}, latents.options());
    auto usage = torch::zeros({codebook.size(0)}, latents.options());
    for_each_slice(latents, codebook.size(0), [&](std::int64_t, const torch::Tensor& slice) {
      auto log_p = log_choices(slice, codebook, temperature);
      const auto p = log_p.exp();
      usage += p.sum(0);
      negative_entropy += log_p.mul_(p).sum();
    });
    usage /= latents.size(0);
    // A code that no latent's choice can reach in this precision has p = 0 everywhere: any finite
    // logarithm will do.
    const auto log_usage = usage.clamp_min(std::numeric_limits<float>::min()).log();  // [V]
    context->save_for_backward({latents, codebook, log_usage});
    context->saved_data["temperature"] = temperature;
    return (usage * log_usage).sum() - negative_entropy / latents.size(0);
  }

  // With the logits a = -d / temperature:
  //   dL/dp_nk = (log usage_k - log p_nk) / N      dL/da = p (dL/dp - sum_k p dL/dp)
  //   da/dz = 2 (e - z) / temperature = -da/de, and the rows of dL/da add up to 0
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &latents = saved[0], &codebook = saved[1], &log_usage = saved[2];
    const double temperature = context->saved_data["temperature"].toDouble();
    const auto scale = gradients[0] * (2 / (temperature * static_cast<double>(latents.size(0))));
    auto dlatents = torch::empty_like(latents), dcodebook = torch::zeros_like(codebook);
    for_each_slice(latents, codebook.size(0), [&](std::int64_t first, const torch::Tensor& slice) {
      auto log_p = log_choices(slice, codebook, temperature);
      const auto p = log_p.exp();
      auto dp = log_p.neg_().add_(log_usage);
      const auto dlogits = dp.sub_((p * dp).sum(1, true)).mul_(p).mul_(scale);
      dlatents.slice(0, first, first + slice.size(0)).copy_(dlogits.mm(codebook));
      if (context->needs_input_grad(1))
        dcodebook += dlogits.t().mm(slice) - dlogits.sum(0).unsqueeze(1) * codebook;
    });
    return {dlatents, dcodebook, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor code_entropy_loss(const torch::Tensor& latents, const torch::Tensor& codebook,
                                double temperature) {
  return CodeEntropyLoss::apply(latents.contiguous(), codebook, temperature);
}

}  // namespace tessera
