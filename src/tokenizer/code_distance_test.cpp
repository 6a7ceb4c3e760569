#include "tokenizer/code_distance.h"

#include <gtest/gtest.h>

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

TEST(CodeDistance, SlicedEqualsUnsliced) {
  for (const std::int64_t count : {1024, 1025, 3000}) {
    const auto latents = random({count, 8}, 1), codebook = random({16384, 8}, 2);
    const auto whole = code_distances(latents, codebook).argmin(1);
    EXPECT_TRUE(torch::equal(nearest_codes(latents, codebook), whole)) << count;
  }
}

TEST(CodeDistance, TheLowestOfEqualCodesIsChosenInEverySlice) {
  auto codebook = random({16384, 8}, 3);
  codebook.slice(0, 8192).copy_(codebook.slice(0, 0, 8192));  // each code twice
  const auto chosen = nearest_codes(random({3000, 8}, 4), codebook);
  EXPECT_LT(chosen.max().item<std::int64_t>(), 8192);
}

TEST(CodeDistance, NoLatentsHaveNoCodes) {
  EXPECT_EQ(nearest_codes(torch::empty({0, 8}), random({16, 8}, 5)).sizes().vec(),
            (std::vector<std::int64_t>{0}));
}

// The paper's largest codebook, against squared differences in float64.
TEST(CodeDistance, FindsTheNearestOf131072Codes) {
  constexpr std::int64_t kCodes = 131072, kLatents = 2000;
  const auto latents = random({kLatents, 8}, 6), codebook = random({kCodes, 8}, 7);
  const auto chosen = nearest_codes(latents, codebook);
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
