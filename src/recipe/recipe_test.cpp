#include "recipe/recipe.h"

#include <gmock/gmock.h>

#include "base/settings.h"
#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

const fs::path kRoot = fs::path(__FILE__).parent_path().parent_path().parent_path();

class Recipes : public ::testing::Test {
 protected:
  std::string problem_with(const std::vector<std::string>& overrides,
                           const std::string& text = "") {
    write_file(path_, text);
    return error_of([&] { load_recipe(path_, overrides); });
  }
  TemporaryFolder folder_;
  std::string path_ = folder_ / "mine.toml";
};

TEST_F(Recipes, TheDefaultsAreValid) { EXPECT_EQ(problem_with({}), ""); }

TEST_F(Recipes, EveryRecipeOfTheProjectLoads) {
  int count = 0;
  for (const auto& file : fs::directory_iterator(kRoot / "recipes")) {
    if (file.path().extension() != ".toml") continue;
    const auto recipe = load_recipe(file.path().string());
    EXPECT_EQ(recipe.tokens_per_image(), recipe.grid() * recipe.grid());
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST_F(Recipes, WhatIsWrongIsBlamedOnTheFileOrOnTheOverride) {
  const std::string wrong_file = "[data]\nimage_size = 17\n";
  EXPECT_THAT(problem_with({}, wrong_file), HasSubstr("mine.toml: data.image_size is 17"));
  EXPECT_THAT(problem_with({"tokenizer.channels=64"}, wrong_file),
              HasSubstr("mine.toml: data.image_size is 17"));
  EXPECT_EQ(problem_with({"data.image_size=64"}, wrong_file), "");
  EXPECT_EQ(problem_with({"data.image_size=17", "tokenizer.channels=64"}),
            "--set data.image_size=17 on " + path_ +
                ": data.image_size is 17, expected a multiple of 16, since tokenizer.multipliers "
                "halves the image 4 times");
  // The key at fault is another one's consequence.
  EXPECT_THAT(problem_with({"tokenizer.multipliers=[1,1,1,1,1,1]"}, "[data]\nimage_size = 16\n"),
              HasSubstr("--set tokenizer.multipliers=[1,1,1,1,1,1] on "));
}

TEST_F(Recipes, TheFullConfigurationSurvivesJson) {
  write_file(path_,
             "[data]\nimage_size = 64\n[regularizer]\nweight = 2.5\ninput = \"continuous\"\n");
  const auto recipe = load_recipe(path_, {"tokenizer.codebook_size=512"});
  EXPECT_EQ(recipe.data.image_size, 64);
  EXPECT_EQ(recipe.regularizer.input, RegularizedLatents::continuous);
  EXPECT_EQ(recipe.tokenizer.codebook_size, 512);
  const auto json = to_json(recipe);
  EXPECT_EQ(to_json(recipe_from_json(json, "config.json")), json);
}

TEST_F(Recipes, SizesFollowFromTheShape) {
  const auto recipe = recipe_from_json(
      {{"data", {{"image_size", 32}}}, {"tokenizer", {{"multipliers", {1, 2, 2}}}}}, "test");
  EXPECT_EQ(recipe.tokenizer.downsampling(), 4);
  EXPECT_EQ(recipe.grid(), 8);
  EXPECT_EQ(recipe.tokens_per_image(), 64);
  // LlamaGen-B: 8/3 of 768 is 2048, a multiple of 256.
  EXPECT_EQ(recipe.generator.ffn_dim(), 2048);
}

struct BadValue {
  const char* override;
  const char* message;
};

class BadValues : public ::testing::TestWithParam<BadValue> {};

TEST_P(BadValues, AreRefusedByTableAndKey) {
  const TemporaryFolder folder;
  write_file(folder / "mine.toml", "");
  const auto message = error_of([&] { load_recipe(folder / "mine.toml", {GetParam().override}); });
  EXPECT_THAT(message, ::testing::StartsWith(std::string("--set ") + GetParam().override));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadValues,
    ::testing::Values(
        BadValue{"data.image_size=30", "data.image_size is 30, expected a multiple of 16"},
        BadValue{"data.image_size=0", "data.image_size is 0, expected 4 to 4096"},
        BadValue{"data.crop_scale=0.5", "data.crop_scale is 0.5"},
        BadValue{"data.valid_fraction=1", "data.valid_fraction is 1"},
        BadValue{"data.loader_threads=0", "data.loader_threads is 0"},
        BadValue{"tokenizer.channels=48", "tokenizer.channels is 48, expected a multiple of 32"},
        BadValue{"tokenizer.multipliers=[]", "tokenizer.multipliers is []"},
        BadValue{"tokenizer.multipliers=[1, 0]", "tokenizer.multipliers is [1,0]"},
        BadValue{"tokenizer.codebook_size=1",
                 "tokenizer.codebook_size is 1, expected 2 to 1048576"},
        BadValue{"tokenizer.code_size=0", "tokenizer.code_size is 0"},
        BadValue{"tokenizer.codebook_decay=1", "tokenizer.codebook_decay is 1"},
        BadValue{"tokenizer.quantizer=fsq", "quantizer is \"fsq\", expected one of vq, ema"},
        BadValue{"tokenizer.gradient=none",
                 "gradient is \"none\", expected one of straight_through, rotation"},
        BadValue{"tokenizer.code_szie=8", "unknown name 'code_szie', did you mean 'code_size'?"},
        BadValue{"tokeniser.code_size=8", "unknown name 'tokeniser', did you mean 'tokenizer'?"},
        BadValue{"regularizer.weight=-1", "regularizer.weight is -1"},
        BadValue{"regularizer.width=65", "regularizer.width is 65, expected a multiple of heads"},
        BadValue{"regularizer.input=discrete",
                 "input is \"discrete\", expected one of continuous, quantized"},
        BadValue{"regularizer.loss=l1", "loss is \"l1\", expected one of l2, cross_entropy"},
        BadValue{"regularizer.attach=decoder",
                 "attach is \"decoder\", expected one of code, projection, features"},
        BadValue{"regularizer.reduction=max", "reduction is \"max\", expected one of mean, sum"},
        BadValue{"regularizer.order=random",
                 "order is \"random\", expected one of raster, shuffled"},
        BadValue{"regularizer.target=codes",
                 "target is \"codes\", expected one of continuous, quantized"},
        BadValue{"tokenizer_training.entropy_weight=-1",
                 "tokenizer_training.entropy_weight is -1.0, expected 0 or more"},
        BadValue{"tokenizer_training.entropy_temperature=0",
                 "tokenizer_training.entropy_temperature is 0.0, expected above 0"},
        BadValue{"tokenizer_training.steps=0", "tokenizer_training.steps is 0"},
        BadValue{"tokenizer_training.learning_rate=0", "tokenizer_training.learning_rate is 0"},
        BadValue{"tokenizer_training.decay_fraction=1.5",
                 "tokenizer_training.decay_fraction is 1.5"},
        BadValue{"tokenizer_training.beta2=1", "tokenizer_training.beta2 is 1"},
        BadValue{"tokenizer_training.adversarial_weight=-1",
                 "tokenizer_training.adversarial_weight is -1"},
        BadValue{"tokenizer_training.adversarial_loss=wasserstein",
                 "expected one of hinge, vanilla, non_saturating"},
        BadValue{"tokenizer_training.discriminator_layers=0",
                 "tokenizer_training.discriminator_layers is 0, expected 1 to 8"},
        BadValue{"tokenizer_training.discriminator_beta1=1",
                 "tokenizer_training.discriminator_beta1 is 1"},
        BadValue{"tokenizer_training.roll_backs=-1", "tokenizer_training.roll_backs is -1"},
        BadValue{"generator.dim=100", "generator.dim is 100, expected a multiple of 4 x heads"},
        BadValue{"generator.heads=0", "generator.heads is 0"},
        BadValue{"generator_training.token_dropout=1", "generator_training.token_dropout is 1"},
        BadValue{"generator_training.schedule=step", "expected one of constant, cosine"},
        BadValue{"generator_training.drop_path=1", "generator_training.drop_path is 1"},
        BadValue{"generator_training.ema_decay=1", "generator_training.ema_decay is 1"},
        BadValue{"generator_training.accumulate=3",
                 "generator_training.accumulate is 3, expected a divisor of batch_size, 256"},
        BadValue{"tokenizer_training.accumulate=0", "tokenizer_training.accumulate is 0"},
        BadValue{"tokenizer_training.ema_decay=-0.1", "tokenizer_training.ema_decay is -0.1"},
        BadValue{"sampling.cfg_schedule=linear", "sampling.cfg_schedule is \"linear\", expected"},
        BadValue{"sampling.top_p=0", "sampling.top_p is 0"},
        BadValue{"sampling.temperature=hot", "temperature is \"hot\", expected a number"}));

TEST_F(Recipes, ALossWithoutATermIsRefused) {
  EXPECT_THAT(problem_with({"tokenizer_training.l1_weight=0", "tokenizer_training.l2_weight=0",
                            "tokenizer_training.perceptual_weight=0"}),
              HasSubstr("above 0 when no other reconstruction loss is on"));
}

TEST_F(Recipes, RegularizerChoicesThatChangeNothingAreRefused) {
  const std::string projection = "regularizer.attach=projection",
                    features = "regularizer.attach=features",
                    quantized = "regularizer.target=quantized",
                    continuous = "regularizer.input=continuous",
                    cross_entropy = "regularizer.loss=cross_entropy",
                    sum = "regularizer.reduction=sum",
                    literal = "regularizer.variance_normalised=false";
  EXPECT_EQ(problem_with({projection}), "");  // reads codes, predicts the projection
  EXPECT_EQ(problem_with({features}), "");
  EXPECT_EQ(problem_with({features, continuous, quantized}), "");  // the other way round
  EXPECT_EQ(problem_with({features, continuous, cross_entropy}), "");
  EXPECT_THAT(problem_with({features, quantized}),
              HasSubstr("regularizer.attach is \"features\", expected code where "
                        "regularizer.input is quantized and target is too"));
  EXPECT_THAT(problem_with({projection, cross_entropy}),
              HasSubstr("regularizer.attach is \"projection\", expected code where "
                        "regularizer.input is quantized and loss is cross_entropy"));
  EXPECT_EQ(problem_with({sum, literal}), "");
  EXPECT_THAT(problem_with({sum}),
              HasSubstr("regularizer.reduction is \"sum\", expected mean where "
                        "regularizer.variance_normalised is true"));
  EXPECT_THAT(problem_with({sum, literal, cross_entropy}),
              HasSubstr("expected mean where regularizer.loss is cross_entropy"));
}

TEST_F(Recipes, TheRegularizerIsAsWideAsWhatItIsAttachedTo) {
  TokenizerConfig tokenizer;
  tokenizer.latent_channels = 24, tokenizer.code_size = 6;
  const auto channels = [&](const std::vector<std::string>& set) {
    write_file(path_, "");
    const auto config = load_recipe(path_, set).regularizer;
    return std::pair(config.input_channels(tokenizer), config.output_channels(tokenizer));
  };
  const std::string features = "regularizer.attach=features",
                    continuous = "regularizer.input=continuous";
  EXPECT_EQ(channels({}), std::pair(6, 6));
  EXPECT_EQ(channels({"regularizer.attach=projection", continuous}), std::pair(6, 6));
  EXPECT_EQ(channels({features}), std::pair(6, 24));
  EXPECT_EQ(channels({features, continuous}), std::pair(24, 24));
  EXPECT_EQ(channels({features, continuous, "regularizer.target=quantized"}), std::pair(24, 6));
  EXPECT_EQ(channels({features, continuous, "regularizer.loss=cross_entropy"}), std::pair(24, 6));
}

TEST_F(Recipes, LossesWhoseNetworksNeedLargerImagesAreRefused) {
  const std::string small = "data.image_size=16", lpips = "tokenizer_training.perceptual=lpips",
                    adversarial = "tokenizer_training.adversarial_weight=0.5";
  EXPECT_THAT(problem_with({small, adversarial}),
              HasSubstr("discriminator_layers is 3, expected fewer"));
  EXPECT_EQ(problem_with({small, adversarial, "tokenizer_training.discriminator_layers=2"}), "");
  EXPECT_EQ(problem_with({small}), "");  // off: its size does not matter
  EXPECT_EQ(problem_with({small, lpips}), "");
  EXPECT_THAT(problem_with({"data.image_size=8", "tokenizer.multipliers=[1]", lpips}),
              HasSubstr("LPIPS needs a data.image_size of at least 16"));
}

// TESSERA_UPDATE_GOLDEN=1 (or tools/update_golden) rewrites the page instead.
TEST_F(Recipes, TheReferencePageSaysWhatTheStructsSay) {
  const fs::path page = kRoot / "docs" / "formats" / "recipe.md";
  const std::string marker =
      "<!-- From here on: tools/update_golden, from the structs in src/recipe. -->\n\n";
  const std::string text = read_file(page);
  const auto end = text.find(marker);
  ASSERT_NE(end, std::string::npos) << page << " has lost its marker";
  const std::string expected = text.substr(0, end) + marker + recipe_reference();
  if (std::getenv("TESSERA_UPDATE_GOLDEN")) write_file(page, expected);
  EXPECT_EQ(read_file(page), expected) << "run tools/update_golden";
}

}  // namespace
}  // namespace tessera
