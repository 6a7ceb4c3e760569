#include "tokenizer/code_distance.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tokenizer/double_quantizer_test.h"

namespace tessera {
namespace {

torch::Tensor random(at::IntArrayRef shape, int seed) {
  torch::manual_seed(seed);
  return torch::randn(shape);
}

TEST(CodeDistance, ASliceIsBoundedAndAsLargeAsItMay) {
  for (const std::int64_t codes : {2, 1000, 16384, 131072, 1 << 20})
    for (const std::int64_t latents : {1, 31, 32768, 1 << 20})
      for (const std::int64_t bytes : {4, 8}) {
        const auto rows = latents_per_slice(latents, codes, bytes);
        EXPECT_GE(rows, 1);
        EXPECT_LE(rows * codes * bytes, kSliceBytes)
            << codes << " codes, " << latents << " latents";
        // One slice fewer would not do.
        const auto slices = (latents + rows - 1) / rows;
        EXPECT_LT((slices - 1) * (kSliceBytes / (codes * bytes)), latents);
      }
  // VQ-16's 128 images of 256 tokens.
  EXPECT_EQ(latents_per_slice(32768, 16384, 4), 1024);
  EXPECT_EQ(latents_per_slice(32768, 131072, 4), 128);
  EXPECT_EQ(latents_per_slice(64 * 64, 512, 4), 64 * 64);
}

TEST(CodeDistance, SlicesCoverEveryLatentOnceInOrder) {
  const auto latents = torch::arange(2500).to(torch::kFloat32).unsqueeze(1);
  std::vector<torch::Tensor> slices;
  for_each_slice(latents, 16384, [&](std::int64_t first, const torch::Tensor& slice) {
    EXPECT_EQ(slice[0].item<float>(), static_cast<float>(first));
    slices.push_back(slice);
  });
  EXPECT_EQ(slices.size(), 3u);
  EXPECT_TRUE(torch::equal(torch::cat(slices), latents));
}

TEST(NearestIndices, OfSlicesAreThoseOfTheWholeMatrix) {  // float64 has no kernel
  for (const std::int64_t count : {512, 513, 1500}) {
    const auto z = random({count, 8}, 1).to(kDouble), codebook = random({16384, 8}, 2).to(kDouble);
    const auto whole = code_distances(z, codebook).argmin(1);
    EXPECT_TRUE(torch::equal(nearest_indices(z, codebook), whole)) << count;
  }
}

TEST(NearestIndices, OfEqualCodesTheLowestIsChosen) {
  for (const auto type : {torch::kFloat32, kDouble}) {
    auto codebook = random({16384, 8}, 3).to(type);
    codebook.slice(0, 8192).copy_(codebook.slice(0, 0, 8192));  // each code twice
    const auto z = random({3000, 8}, 4).to(type);
    const auto chosen = nearest_indices(z, codebook);
    EXPECT_TRUE(torch::equal(chosen, nearest_indices(z, codebook.slice(0, 0, 8192)))) << type;
  }
}

// Many of these codes are equally near but for rounding.
TEST(NearestIndices, DoNotDependOnTheBatchOrTheThreads) {
  const auto lattice = [](std::int64_t count, int seed) {
    const auto x = random({count, 8}, seed).round_().add_(0.5);
    return x / x.norm(2, 1, true);
  };
  const auto codebook = lattice(1000, 5), z = lattice(300, 6);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto whole = nearest_indices(z, codebook);
  for (std::int64_t row = 0; row < z.size(0); ++row)
    EXPECT_TRUE(torch::equal(nearest_indices(z.slice(0, row, row + 1), codebook),
                             whole.slice(0, row, row + 1)))
        << row;
  for (const int count : {2, 3, 7}) {
    at::set_num_threads(count);
    EXPECT_TRUE(torch::equal(nearest_indices(z, codebook), whole)) << count;
  }
  at::set_num_threads(threads);
}

TEST(NearestIndices, TakeViewsThatAreNotContiguous) {
  const auto z = random({8, 100}, 7).t(), codebook = random({16, 50}, 8).t().slice(1, 3, 11);
  EXPECT_TRUE(torch::equal(nearest_indices(z, codebook),
                           nearest_indices(z.contiguous(), codebook.contiguous())));
}

TEST(NearestIndices, WhatIsNotFiniteIsRefused) {
  for (const auto type : {torch::kFloat32, kDouble})
    for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, type == kDouble ? 1e200 : 1e20}) {
      const auto z = random({100, 8}, 9).to(type), codebook = random({50, 8}, 10).to(type);
      auto wrong_z = z.clone(), wrong_codebook = codebook.clone();
      wrong_z[99][7] = wrong_codebook[49][7] = value;
      EXPECT_THROW(nearest_indices(wrong_z, codebook), NotFinite) << type << " " << value;
      EXPECT_THROW(nearest_indices(z, wrong_codebook), NotFinite) << type << " " << value;
      EXPECT_NO_THROW(nearest_indices(z, codebook));
    }
}

TEST(NearestIndices, OfNothingAreNone) {
  EXPECT_EQ(nearest_indices(torch::empty({0, 8}), random({16, 8}, 5)).sizes().vec(),
            (std::vector<std::int64_t>{0}));
  EXPECT_EQ(nearest_indices(torch::empty({0, 8}, kDouble), random({16, 8}, 5).to(kDouble)).size(0),
            0);
}

// The paper's largest codebook, against squared differences in float64.
TEST(NearestIndices, AreThoseOfTheNearestOf131072Codes) {
  constexpr std::int64_t kCodes = 131072, kLatents = 2000;
  const auto latents = random({kLatents, 8}, 6), codebook = random({kCodes, 8}, 7);
  const auto chosen = nearest_indices(latents, codebook);
  const auto exact_codes = codebook.to(torch::kFloat64);
  for (std::int64_t row = 0; row < kLatents; row += 61) {
    const auto distances = (exact_codes - latents[row]).square().sum(1);
    const auto best = distances.min().item<double>();
    const auto found = distances[chosen[row].item<std::int64_t>()].item<double>();
    // In float32 two codes are told apart to the rounding of |e|^2 and z e, each a sum of 8 terms.
    const double size = exact_codes.square().sum(1).max().item<double>() +
                        latents[row].square().sum().item<double>();
    EXPECT_LE(found, best + 16 * size * std::numeric_limits<float>::epsilon()) << row;
  }
}

}  // namespace
}  // namespace tessera
