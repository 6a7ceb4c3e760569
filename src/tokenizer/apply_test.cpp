#include "tokenizer/apply.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "formats/npy.h"
#include "image/image.h"
#include "tokenizer/tokenizer.h"
#include "tokens/token_file.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

class Apply : public ::testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(3);
    ModelConfig config{.kind = "tokenizer"};
    config.recipe.data.image_size = 8;
    config.recipe.tokenizer = {.channels = 32,
                               .multipliers = {1, 1},
                               .encoder_blocks = 1,
                               .decoder_blocks = 1,
                               .latent_channels = 4,
                               .codebook_size = 12,
                               .code_size = 4};
    config.recipe.tokenizer_training.precision = Precision::float32;
    VqModel model(config.recipe.tokenizer);
    write_model_folder(folder_ / "tok", config, tensors_of(*model));
  }
  Tokenizer load() { return Tokenizer::load(folder_ / "tok", torch::kCPU); }
  // 13 sequences of 2 x 3 tokens.
  TokenSet wide_tokens() {
    TokenSet set{.header = {.grid_rows = 2,
                            .grid_columns = 3,
                            .codebook_size = 12,
                            .tokenizer_hash = load().hash(),
                            .class_names = {"one"},
                            .made_by = nlohmann::json::object(),
                            .data = "test"}};
    for (int image = 0; image < 13; ++image) {
      set.labels.push_back(0);
      for (int i = 0; i < 6; ++i) set.codes.push_back((image * 7 + i * 5) % 12);
    }
    return set;
  }

  TemporaryFolder folder_;
};

TEST_F(Apply, DecodesGridsThatAreNotSquare) {
  const auto set = wide_tokens();
  write_tokens(folder_ / "wide.safetensors", set);
  DecodeOptions options;
  options.tokenizer = (folder_ / "tok").string();
  options.tokens = (folder_ / "wide.safetensors").string();
  options.quiet = options.raw = true;
  options.out = (folder_ / "wide.npy").string();
  decode_tokens(options);
  const auto file = NpyFile::open(options.out);
  EXPECT_EQ(file.shape(), (std::vector<std::int64_t>{13, 3, 4, 6}));

  // The same as the network decodes from the vectors, laid out by hand.
  auto tokenizer = load();
  auto vectors = torch::empty({13, 4, 2, 3});
  torch::NoGradGuard no_grad;
  for (int image = 0; image < 13; ++image)
    for (int i = 0; i < 6; ++i)
      vectors.index_put_({image, torch::indexing::Slice(), i / 3, i % 3},
                         tokenizer.model()->quantizer()->look_up(
                             torch::tensor(set.codes[static_cast<std::size_t>(image * 6 + i)])));
  const auto expected = tokenizer.model()->decode(vectors);
  const auto found = torch::from_blob(const_cast<std::byte*>(file.bytes().data()), {13, 3, 4, 6});
  EXPECT_LT((found - expected).abs().max().item<double>(), 1e-5);

  options.raw = false;
  options.out = (folder_ / "pictures").string();
  decode_tokens(options);
  int pictures = 0;
  for (const auto& entry : fs::recursive_directory_iterator(options.out)) {
    if (entry.path().extension() != ".png") continue;
    const auto picture = decode_image(read_file(entry.path()), entry.path().string());
    EXPECT_EQ(picture.width, 6);
    EXPECT_EQ(picture.height, 4);
    ++pictures;
  }
  EXPECT_EQ(pictures, 13);
}

TEST_F(Apply, PlainTokensNeedASquareGrid) {
  const std::vector<std::int32_t> codes(12, 1);
  write_npy(folder_ / "six.npy", DType::I32, {2, 6}, std::as_bytes(std::span(codes)));
  DecodeOptions options;
  options.tokenizer = (folder_ / "tok").string();
  options.tokens = (folder_ / "six.npy").string();
  options.out = (folder_ / "out").string();
  EXPECT_THAT(error_of([&] { decode_tokens(options); }), HasSubstr("tokens per image is 6"));
}

TEST_F(Apply, ImageSizeIsAMultipleOfTheDownsampling) {
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer.data_config(0).image_size, 8);
  EXPECT_EQ(tokenizer.data_config(12).image_size, 12);
  EXPECT_THAT(error_of([&] { tokenizer.data_config(13); }), HasSubstr("--image-size is 13"));
  EXPECT_THAT(error_of([&] { tokenizer.data_config(9000); }), HasSubstr("9000"));
}

TEST(TokenizerBatch, ShrinksWithTheImages) {
  EXPECT_EQ(Tokenizer::batch_at(32 * 32), 100);
  EXPECT_EQ(Tokenizer::batch_at(256 * 256), 6);
  EXPECT_EQ(Tokenizer::batch_at(4096 * 4096), 1);
}

}  // namespace
}  // namespace tessera
