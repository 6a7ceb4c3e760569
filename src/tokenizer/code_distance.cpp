#include "tokenizer/code_distance.h"

#include <ATen/Parallel.h>

#include <atomic>

#include "kernels/nearest_indices.h"

namespace tessera {
namespace {

constexpr const char* kEncoderOutput = "the output of the encoder";

// At least so many products are worth a thread, and so many rows, of which the kernel takes several
// at a time.
constexpr std::int64_t kProductsATask = 1 << 18, kRowsATask = 24;

torch::Tensor packed_codebook(const kernels::PackedCodebook& shape, const torch::Tensor& codebook) {
  const auto tiles = static_cast<std::int64_t>(shape.tiles());
  const auto tile_floats = static_cast<std::int64_t>(shape.tile_floats());
  const auto packed = torch::empty({tiles, tile_floats}, codebook.options());
  std::atomic<bool> finite = true;
  at::parallel_for(
      0, tiles, std::max<std::int64_t>(1, kProductsATask / tile_floats),
      [&](std::int64_t begin, std::int64_t end) {
        for (auto tile = begin; tile < end; ++tile)
          if (!kernels::pack_codes(shape, static_cast<std::size_t>(tile),
                                   codebook.data_ptr<float>(), packed.data_ptr<float>()))
            finite = false;
      });
  if (!finite) throw NotFinite("the codebook");
  return packed;
}

torch::Tensor nearest_by_kernel(const torch::Tensor& z, const torch::Tensor& codebook) {
  const auto count = z.size(0), dim = z.size(1);
  kernels::PackedCodebook codes{static_cast<std::size_t>(codebook.size(0)),
                                static_cast<std::size_t>(dim), nullptr};
  const auto packed = packed_codebook(codes, codebook.contiguous());
  codes.values = packed.data_ptr<float>();
  const auto rows = z.contiguous();
  const auto indices = torch::empty({count}, z.options().dtype(torch::kInt64));
  const auto distances = torch::empty({count}, z.options());
  std::atomic<bool> finite = true;
  at::parallel_for(0, count, std::max(kRowsATask, kProductsATask / codebook.numel()),
                   [&](std::int64_t begin, std::int64_t end) {
                     if (!kernels::nearest_indices(codes, static_cast<std::size_t>(end - begin),
                                                   rows.data_ptr<float>() + begin * dim,
                                                   indices.data_ptr<std::int64_t>() + begin,
                                                   distances.data_ptr<float>() + begin))
                       finite = false;
                   });
  if (!finite) throw NotFinite(kEncoderOutput);
  return indices;
}

void check_finite(const torch::Tensor& rows, const char* what) {
  if (!rows.square().sum(1).isfinite().all().item<bool>()) throw NotFinite(what);
}

// For each code the lowest index of those that are equal to it: [V, C] -> [V].
torch::Tensor lowest_of_equals(const torch::Tensor& codebook) {
  const auto group = std::get<1>(torch::unique_dim(codebook, 0, /*sorted=*/true,
                                                   /*return_inverse=*/true));  // [V]
  const auto [sorted, order] = group.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  return order.index_select(0, torch::searchsorted(sorted, group));
}

// The distances of equal codes may be rounded differently by a matrix product.
torch::Tensor nearest_by_products(const torch::Tensor& z, const torch::Tensor& codebook) {
  check_finite(z, kEncoderOutput);
  check_finite(codebook, "the codebook");
  const auto indices = torch::empty({z.size(0)}, z.options().dtype(torch::kInt64));
  for_each_slice(z, codebook.size(0), [&](std::int64_t first, const torch::Tensor& slice) {
    indices.slice(0, first, first + slice.size(0)).copy_(code_distances(slice, codebook).argmin(1));
  });
  return lowest_of_equals(codebook).index_select(0, indices);
}

}  // namespace

std::int64_t latents_per_slice(std::int64_t latents, std::int64_t codes,
                               std::int64_t bytes_per_distance) {
  const auto rounded_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const auto most = std::max<std::int64_t>(1, kSliceBytes / (codes * bytes_per_distance));
  return rounded_up(latents, std::max<std::int64_t>(1, rounded_up(latents, most)));
}

torch::Tensor code_distances(const torch::Tensor& latents, const torch::Tensor& codebook) {
  return torch::addmm(codebook.square().sum(1), latents, codebook.t(), 1, -2);
}

torch::Tensor nearest_indices(const torch::Tensor& z, const torch::Tensor& codebook) {
  torch::NoGradGuard no_grad;
  TESSERA_CHECK(z.size(1) == codebook.size(1) && codebook.numel() > 0);
  const bool has_kernel = z.is_cpu() && codebook.is_cpu() && z.scalar_type() == torch::kFloat32 &&
                          codebook.scalar_type() == torch::kFloat32;
  return has_kernel ? nearest_by_kernel(z, codebook) : nearest_by_products(z, codebook);
}

}  // namespace tessera
