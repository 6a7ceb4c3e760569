#pragma once

#include <torch/torch.h>

#include <algorithm>

#include "base/error.h"

namespace tessera {

/// A vector to be compared has a squared length that is NaN or infinite.
class NotFinite : public Error {
 public:
  explicit NotFinite(const std::string& what)
      : Error(what + " is not finite, or its square is not") {}
};

/// Most memory that a slice of the [latents, codes] distance matrix takes. At 131,072 codes the
/// whole matrix of VQ-16's 32,768 latents a step would take 17 GB.
constexpr std::int64_t kSliceBytes = 64 << 20;

/// Latents in a slice of `latents` of them, so that a slice fits kSliceBytes (but holds at least
/// one) and all are about equally large.
std::int64_t latents_per_slice(std::int64_t latents, std::int64_t codes,
                               std::int64_t bytes_per_distance);

/// Calls use(first, rows first .. of `latents`) for one slice of [N, C] after the other.
void for_each_slice(const torch::Tensor& latents, std::int64_t codes, const auto& use) {
  const auto count = latents.size(0);
  const auto rows =
      latents_per_slice(count, codes, static_cast<std::int64_t>(latents.dtype().itemsize()));
  for (std::int64_t first = 0; first < count; first += rows)
    use(first, latents.slice(0, first, std::min(first + rows, count)));
}

/// ||z - e||^2 - ||z||^2 of every latent and code, which orders a latent's codes as the distance
/// does: [N, C], [V, C] -> [N, V].
torch::Tensor code_distances(const torch::Tensor& latents, const torch::Tensor& codebook);

/// Index of the nearest code of each row of z, the lowest of equal codes: [N, C], [V, C] -> [N]
/// int64. On the CPU in float32 this is kernels::nearest_indices: the same on every instruction
/// set, for any number of threads and whatever the other rows are. Throws NotFinite.
torch::Tensor nearest_indices(const torch::Tensor& z, const torch::Tensor& codebook);

}  // namespace tessera
