#include "tokenizer/code_distance.h"

namespace tessera {

std::int64_t latents_per_slice(std::int64_t latents, std::int64_t codes,
                               std::int64_t bytes_per_distance) {
  const auto rounded_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const auto most = std::max<std::int64_t>(1, kSliceBytes / (codes * bytes_per_distance));
  return rounded_up(latents, std::max<std::int64_t>(1, rounded_up(latents, most)));
}

torch::Tensor code_distances(const torch::Tensor& latents, const torch::Tensor& codebook) {
  return torch::addmm(codebook.square().sum(1), latents, codebook.t(), 1, -2);
}

torch::Tensor nearest_codes(const torch::Tensor& latents, const torch::Tensor& codebook) {
  torch::NoGradGuard no_grad;
  auto nearest = torch::empty({latents.size(0)}, latents.options().dtype(torch::kInt64));
  for_each_slice(latents, codebook.size(0), [&](std::int64_t first, const torch::Tensor& slice) {
    nearest.slice(0, first, first + slice.size(0)).copy_(code_distances(slice, codebook).argmin(1));
  });
  return nearest;
}

}  // namespace tessera
