// The engine's image decoder against the LibTorch model, which is the specification: the same
// folder, the same codes, the same pixels.
#include <gtest/gtest.h>

#include <cmath>

#include "base/testing.h"
#include "engine/image_decoder.h"
#include "tokenizer/tokenizer.h"
#include "training/model_folder.h"

namespace tessera {
namespace {

class EngineDecoder : public ::testing::TestWithParam<std::tuple<ActivationType, bool>> {};

TEST_P(EngineDecoder, AgreesWithLibTorch) {
  const auto [precision, l2_normalised] = GetParam();
  constexpr int kImages = 3, kRows = 6, kColumns = 9;
  ModelConfig config{.kind = "tokenizer"};
  config.recipe.data.image_size = 32;
  config.recipe.tokenizer = {.channels = 32,
                             .multipliers = {1, 2, 2},
                             .encoder_blocks = 1,
                             .decoder_blocks = 2,
                             .latent_channels = 16,
                             .codebook_size = 64,
                             .code_size = 8,
                             .l2_normalised = l2_normalised};
  config.recipe.tokenizer_training.precision = Precision::float32;
  torch::manual_seed(5);
  TemporaryFolder folder;
  {
    torch::NoGradGuard no_grad;
    VqModel model(config.recipe.tokenizer);
    model->quantizer()->move_codes(torch::arange(64), torch::randn({64, 8}));
    write_model_folder(folder / "vq", config, tensors_of(*model));
  }
  const auto codes = torch::randint(64, {kImages, kRows * kColumns}, torch::kInt32);
  const auto expected =
      Tokenizer::load(folder / "vq", torch::kCPU).decode(codes.to(torch::kInt64), kRows, kColumns);

  ThreadPool pool(2);
  auto decoder = ImageDecoder::open(folder / "vq", {precision}, pool);
  for (int image = 0; image < kImages; ++image) {
    const auto channels_last = expected[image].permute({1, 2, 0}).contiguous();
    auto found = torch::empty_like(channels_last);
    decoder.decode({codes[image].data_ptr<std::int32_t>(), kRows * kColumns}, kRows, kColumns,
                   {found.data_ptr<float>(), static_cast<std::size_t>(found.numel())});
    const double error = (found - channels_last).square().mean().item<double>();
    EXPECT_GT(10 * std::log10(4 / error), decoder.precision() == ActivationType::bf16 ? 45 : 60);
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, EngineDecoder,
                         ::testing::Combine(::testing::Values(ActivationType::float32,
                                                              ActivationType::bf16),
                                            ::testing::Bool()));

}  // namespace
}  // namespace tessera
