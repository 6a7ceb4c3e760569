#include "tokenizer/vq_model.h"

#include <gtest/gtest.h>

#include "features/lpips.h"
#include "tokenizer/discriminator.h"
#include "tokenizer/flops.h"
#include "training/weights.h"

namespace tessera {
namespace {

TokenizerConfig small_config() {
  TokenizerConfig config;
  config.channels = 32;
  config.multipliers = {1, 2};
  config.encoder_blocks = 1;
  config.decoder_blocks = 1;
  config.latent_channels = 16;
  config.codebook_size = 10;
  config.code_size = 4;
  return config;
}

TEST(VqModel, HasLlamaGensNamesAndShapes) {
  const auto tensors = tensors_of(*VqModel(small_config()));
  const auto shape = [&](const std::string& name) { return tensors.at(name).sizes().vec(); };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shape("encoder.conv_in.weight"), (Shape{32, 3, 3, 3}));
  EXPECT_EQ(shape("encoder.conv_blocks.0.res.0.conv1.weight"), (Shape{32, 32, 3, 3}));
  EXPECT_EQ(shape("encoder.conv_blocks.0.downsample.conv.weight"), (Shape{32, 32, 3, 3}));
  EXPECT_EQ(shape("encoder.conv_blocks.1.res.0.nin_shortcut.weight"), (Shape{64, 32, 1, 1}));
  EXPECT_EQ(shape("encoder.conv_blocks.1.attn.0.proj_out.bias"), (Shape{64}));
  EXPECT_EQ(shape("encoder.mid.1.q.weight"), (Shape{64, 64, 1, 1}));
  EXPECT_EQ(shape("encoder.norm_out.weight"), (Shape{64}));
  EXPECT_EQ(shape("decoder.conv_blocks.0.upsample.conv.weight"), (Shape{64, 64, 3, 3}));
  EXPECT_EQ(shape("decoder.conv_blocks.1.res.0.nin_shortcut.weight"), (Shape{32, 64, 1, 1}));
  EXPECT_EQ(shape("decoder.conv_out.weight"), (Shape{3, 32, 3, 3}));
  EXPECT_EQ(shape("quantize.embedding.weight"), (Shape{10, 4}));
  EXPECT_EQ(shape("quant_conv.weight"), (Shape{4, 16, 1, 1}));
  EXPECT_EQ(shape("post_quant_conv.weight"), (Shape{16, 4, 1, 1}));
}

TEST(VqModel, PublishedPresetsHaveTheirPublishedSize) {
  TokenizerConfig vq16;  // the defaults are VQ-16
  EXPECT_NEAR(static_cast<double>(tokenizer_parameters(vq16)) / 1e6, 71.88, 0.005);
  TokenizerConfig vq8 = vq16;
  vq8.multipliers = {1, 2, 2, 4};
  EXPECT_NEAR(static_cast<double>(tokenizer_parameters(vq8)) / 1e6, 70.11, 0.005);
}

TEST(VqModel, CountedParametersAreTheModels) {
  for (auto config :
       {small_config(),
        TokenizerConfig{.channels = 32, .multipliers = {1, 2, 2}, .decoder_channels = 64}})
    EXPECT_EQ(tokenizer_parameters(config), parameter_count(*VqModel(config)));
}

TEST(VqModel, FlopsMatchACountByHand) {
  Recipe recipe;
  recipe.data.image_size = 8;
  recipe.tokenizer = small_config();
  recipe.regularizer.weight = 1;
  recipe.regularizer.width = 8;
  const auto flops = tokenizer_flops(recipe);
  const auto conv = [](double side, double in, double out, double kernel) {
    return 2 * side * side * in * out * kernel * kernel;
  };
  const auto attention = [&](double side, double c) {
    return 4 * conv(side, c, c, 1) + 4 * std::pow(side, 4) * c;
  };
  const auto middle = 4 * conv(4, 64, 64, 3) + attention(4, 64);
  EXPECT_DOUBLE_EQ(flops.encoder,
                   conv(8, 3, 32, 3) + 2 * conv(8, 32, 32, 3) + conv(4, 32, 32, 3) +  // level 0
                       conv(4, 32, 64, 3) + conv(4, 64, 64, 3) + conv(4, 32, 64, 1) +
                       attention(4, 64) + middle + conv(4, 64, 16, 3) + conv(4, 16, 4, 1));
  EXPECT_DOUBLE_EQ(flops.decoder, conv(4, 4, 16, 1) + conv(4, 16, 64, 3) + middle +
                                      2 * conv(4, 64, 64, 3) + attention(4, 64) +
                                      conv(8, 64, 64, 3) +  // lowest level
                                      conv(8, 64, 32, 3) + conv(8, 32, 32, 3) + conv(8, 64, 32, 1) +
                                      conv(8, 32, 3, 3));
  EXPECT_DOUBLE_EQ(flops.quantizer, 2.0 * 16 * 10 * 4);
  // 15 positions; embed and predict 8 x 4; two layers of 12 width^2, and 15 x 15 scores and sums.
  EXPECT_DOUBLE_EQ(flops.regularizer, 2.0 * 15 * (2 * 8 * 4 + 2 * (12 * 64 + 2 * 15 * 8)));
  EXPECT_DOUBLE_EQ(flops.regularizer_codes, 0);
  EXPECT_DOUBLE_EQ(flops.step(),
                   3 * (flops.encoder + flops.decoder + flops.regularizer) + flops.quantizer);
}

TEST(VqModel, FlopsOfTheRegularizerFollowWhatItIsAttachedTo) {
  Recipe recipe;
  recipe.data.image_size = 8;  // 4 x 4 tokens
  recipe.tokenizer = small_config();
  recipe.regularizer.weight = 1;
  recipe.regularizer.width = 8;
  const auto without = tokenizer_flops(recipe);
  recipe.regularizer.attach = RegularizerAttach::features;
  // Of 15 positions the output is 16 channels instead of 4, then the input, too.
  EXPECT_DOUBLE_EQ(tokenizer_flops(recipe).regularizer, without.regularizer + 2.0 * 15 * 8 * 12);
  recipe.regularizer.input = RegularizedLatents::continuous;
  EXPECT_DOUBLE_EQ(tokenizer_flops(recipe).regularizer,
                   without.regularizer + 2.0 * 15 * 8 * (12 + 12));
  EXPECT_DOUBLE_EQ(tokenizer_flops(recipe).step(), without.step() + 3 * 2.0 * 15 * 8 * (12 + 12));
}

TEST(VqModel, EncodesToEveryTensorThatTheRegularizerMayTake) {
  torch::manual_seed(1);
  VqModel model(small_config());
  const auto coded = model->encode(torch::rand({2, 3, 8, 8}));
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(coded.features.sizes().vec(), (Shape{2, 16, 4, 4}));
  EXPECT_EQ(coded.projection.sizes().vec(), (Shape{2, 4, 4, 4}));
  EXPECT_TRUE(coded.features.requires_grad());
  const auto length = coded.projection.norm(2, {1}, /*keepdim=*/true);
  EXPECT_TRUE(torch::allclose(coded.projection / length, coded.latents, 1e-5, 1e-6));
}

TEST(VqModel, FlopsOfLossesOverTheCodebookMatchACountByHand) {
  Recipe recipe;
  recipe.data.image_size = 8;  // 4 x 4 tokens
  recipe.tokenizer = small_config();
  recipe.regularizer.weight = 1;
  recipe.regularizer.width = 8;
  const auto without = tokenizer_flops(recipe);
  const double product = 2.0 * 10 * 4;  // of one position with all codes

  auto cross_entropy = recipe;
  cross_entropy.regularizer.loss = RegularizerLoss::cross_entropy;
  EXPECT_DOUBLE_EQ(tokenizer_flops(cross_entropy).regularizer_codes, 15 * product);
  EXPECT_DOUBLE_EQ(tokenizer_flops(cross_entropy).step(), without.step() + 2 * 15 * product);
  EXPECT_DOUBLE_EQ(tokenizer_flops(cross_entropy).forward(), without.forward());
  cross_entropy.regularizer.weight = 0;
  EXPECT_DOUBLE_EQ(tokenizer_flops(cross_entropy).regularizer_codes, 0);

  auto entropy = recipe;
  entropy.tokenizer_training.entropy_weight = 0.1;
  EXPECT_DOUBLE_EQ(tokenizer_flops(entropy).step(), without.step() + 4 * 16 * product);
  EXPECT_DOUBLE_EQ(tokenizer_flops(entropy).decoder_only_step(), without.decoder_only_step());
  entropy.tokenizer.quantizer = QuantizerKind::ema;
  EXPECT_DOUBLE_EQ(tokenizer_flops(entropy).step(), without.step() + 3 * 16 * product);
}

class MatchedRun : public testing::TestWithParam<RegularizerLoss> {};

TEST_P(MatchedRun, CostsNoMoreThanThePlainOne) {
  Recipe recipe;
  recipe.regularizer.loss = GetParam();
  recipe.data.image_size = 32;
  recipe.tokenizer.channels = 32;
  recipe.tokenizer.multipliers = {1, 2, 2};
  recipe.regularizer.weight = 1;
  recipe.regularizer.width = 256;
  recipe.tokenizer_training.decoder_only_fraction = 0.2;
  auto plain = recipe;
  plain.regularizer.weight = 0;
  const auto steps = tokenizer_steps(recipe);
  EXPECT_LT(steps, recipe.tokenizer_training.steps);
  EXPECT_EQ(tokenizer_steps(plain), plain.tokenizer_training.steps);
  EXPECT_NEAR(tokenizer_training_flops(recipe, steps) /
                  tokenizer_training_flops(plain, plain.tokenizer_training.steps),
              1, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(, MatchedRun,
                         testing::Values(RegularizerLoss::l2, RegularizerLoss::cross_entropy));

TEST(VqModel, TheLossesNetworksCountInTheWholeRun) {
  Recipe recipe;
  recipe.data.image_size = 32;
  recipe.tokenizer.channels = 32;
  recipe.tokenizer.multipliers = {1, 2, 2};
  auto& training = recipe.tokenizer_training;
  training.steps = 1000;
  training.batch_size = 4;
  const double without = tokenizer_training_flops(recipe, 1000);
  training.perceptual = Perceptual::lpips;
  training.adversarial_weight = 0.5;
  training.adversarial_start = 600;
  training.discriminator_warmup_steps = 100;
  const auto flops = tokenizer_flops(recipe);
  EXPECT_DOUBLE_EQ(flops.perceptual, Lpips::flops(32));
  EXPECT_DOUBLE_EQ(flops.discriminator, discriminator_flops(3, 64, 32));
  // Steps after the first 600 teach the discriminator, after 700 the tokenizer too.
  EXPECT_NEAR(tokenizer_training_flops(recipe, 1000) / without,
              1 + 4 *
                      (1000 * 3 * flops.perceptual + 400 * 6 * flops.discriminator +
                       300 * 2 * flops.discriminator) /
                      without,
              1e-12);
  recipe.regularizer.weight = 1;
  recipe.regularizer.width = 256;
  auto plain = recipe;
  plain.regularizer.weight = 0;
  const auto steps = tokenizer_steps(recipe);
  EXPECT_LE(tokenizer_training_flops(recipe, steps), tokenizer_training_flops(plain, 1000));
  EXPECT_GT(tokenizer_training_flops(recipe, steps + 1), tokenizer_training_flops(plain, 1000));
}

TEST(VqModel, GradientsMatchFiniteDifferences) {
  torch::manual_seed(2);
  VqModel model(small_config());
  model->to(torch::kFloat64);
  const auto images = torch::randn({1, 3, 8, 8}, torch::kFloat64);
  const auto target = torch::randn({1, 3, 8, 8}, torch::kFloat64);
  const auto vectors = torch::randn({1, 4, 4, 4}, torch::kFloat64);
  const auto loss =
      [&] {  // decoder from fixed vectors, encoder to its latents: everything but the discrete step
        return (model->decode(vectors) - target).square().mean() +
               (model->encode(images).latents * vectors).mean();
      };
  loss().backward();
  torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (auto& item : model->named_parameters()) {
    auto parameter = item.value();
    if (!parameter.grad().defined()) continue;  // the codebook
    auto value = parameter.view(-1)[0];
    const double kept = value.item<double>();
    value.fill_(kept + kStep);
    const double above = loss().item<double>();
    value.fill_(kept - kStep);
    const double below = loss().item<double>();
    value.fill_(kept);
    EXPECT_NEAR(parameter.grad().reshape(-1)[0].item<double>(), (above - below) / (2 * kStep), 1e-7)
        << item.key();
  }
}

}  // namespace
}  // namespace tessera
