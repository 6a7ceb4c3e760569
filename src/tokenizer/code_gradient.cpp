#include "tokenizer/code_gradient.h"

namespace tessera {
namespace {

// Below this a latent has no direction worth following, and its rescaling would explode.
constexpr double kShortest = 1e-6;

torch::Tensor row_product(const torch::Tensor& a, const torch::Tensor& b) {
  return (a * b).sum(-1, true);
}

torch::Tensor length(const torch::Tensor& x) { return x.norm(2, -1, true).clamp_min(kShortest); }

}  // namespace

torch::Tensor straight_through(const torch::Tensor& latents, const torch::Tensor& chosen) {
  return latents + (chosen - latents).detach();
}

torch::Tensor rotate_onto(const torch::Tensor& latents, const torch::Tensor& chosen) {
  const auto z = latents.detach(), e = chosen.detach();
  const auto from = z / length(z), to = e / length(e);   // u and v
  const auto between = (from + to) / length(from + to);  // r
  const auto rotated = latents - 2 * row_product(latents, between) * between +
                       2 * row_product(latents, from) * to;  // R z
  const auto carried = rotated * (length(e) / length(z));
  return e + (carried - carried.detach());
}

}  // namespace tessera
