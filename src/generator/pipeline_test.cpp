#include "generator/pipeline.h"

#include <gmock/gmock.h>

#include <set>

#include "base/testing.h"
#include "generator/sample.h"
#include "image/image.h"
#include "tokenizer/apply.h"
#include "tokens/token_file.h"

namespace tessera {
namespace {

nlohmann::json complete_with_torch(const CompleteOptions& options) {
  return sample_with_torch(options, beginning_of(options));
}

using testing::HasSubstr;

// An untrained tokenizer of 16-px images with 4 x 4 tokens, and a generator of such tokens.
class Pipelines : public testing::Test {
 protected:
  void SetUp() override {
    recipe_.data.image_size = 16;
    recipe_.tokenizer = {.channels = 32,
                         .multipliers = {1, 1, 1},
                         .encoder_blocks = 1,
                         .decoder_blocks = 1,
                         .latent_channels = 8,
                         .codebook_size = 16,
                         .code_size = 4};
    recipe_.tokenizer_training.precision = Precision::float32;
    recipe_.generator = {.layers = 1, .heads = 2, .dim = 16, .ffn_multiple = 8};
    recipe_.generator_training.precision = Precision::float32;
    recipe_.sampling.cfg = 1.5;
    write_tokenizer("tokenizer", 1);
    write_generator("generator", "tokenizer");
    Rng rng(5);
    Image image{20, 16, std::vector<std::uint8_t>(20 * 16 * 3)};
    for (auto& byte : image.pixels) byte = static_cast<std::uint8_t>(rng.below(256));
    write_png(folder_ / "pictures/one.png", image);
  }
  void write_tokenizer(const std::string& name, std::uint64_t seed) {
    torch::manual_seed(seed);
    VqModel model(recipe_.tokenizer);
    write_model_folder(folder_ / name,
                       {.kind = "tokenizer", .recipe = recipe_, .made_by = {{"seed", seed}}},
                       tensors_of(*model));
  }
  void write_generator(const std::string& name, const std::string& tokenizer) {
    torch::manual_seed(3);
    const GeneratorShape shape{.vocabulary = 16, .classes = 2, .grid_rows = 4, .grid_columns = 4};
    Transformer model(recipe_.generator, shape);
    {
      torch::NoGradGuard no_grad;
      for (auto& parameter : model->parameters())
        if (parameter.dim() == 2) parameter.normal_(0, 0.3);
    }
    write_model_folder(folder_ / name,
                       {.kind = "generator",
                        .recipe = recipe_,
                        .class_names = {"cat", "dog"},
                        .made_by = {{"seed", 3}},
                        .extra = {{"vocabulary", 16},
                                  {"grid", {4, 4}},
                                  {"tokenizer", model_hash(folder_ / tokenizer)}}},
                       tensors_of(*model));
  }
  template <typename Options>
  Options with_outputs(Options options, const std::string& name) {
    options.classes = "dog,cat";
    options.count = 3;
    options.quiet = true;
    options.threads = 1;
    options.tokens_out = folder_ / (name + ".safetensors");
    options.out = folder_ / (name + ".png");
    return options;
  }
  CompleteOptions completion(int keep_rows, const std::string& name) {
    CompleteOptions options;
    options.generator = folder_ / "generator";
    options.tokenizer = folder_ / "tokenizer";
    options.image = folder_ / "pictures/one.png";
    options.keep_rows = keep_rows;
    return with_outputs(options, name);
  }
  std::vector<int> codes(const std::string& name, std::int64_t image = 0) {
    const auto file = TokenFile::open(folder_ / (name + ".safetensors"));
    std::vector<int> codes;
    for (int position = 0; position < file.tokens_per_image(); ++position)
      codes.push_back(file.code(image, 0, position));
    return codes;
  }
  ExportPipelineOptions exporting() {
    ExportPipelineOptions options;
    options.generator = folder_ / "generator";
    options.tokenizer = folder_ / "tokenizer";
    options.out = folder_ / "pipeline";
    options.quiet = true;
    return options;
  }

  TemporaryFolder folder_;
  Recipe recipe_;
};

TEST_F(Pipelines, CompletionsKeepTheTopRowsOfTheEncoding) {
  EncodeOptions encode;
  encode.tokenizer = folder_ / "tokenizer";
  encode.data = {folder_ / "pictures"};
  encode.out = folder_ / "encoded.safetensors";
  encode.quiet = true;
  encode_images(encode);
  const auto encoded = codes("encoded");
  for (const int rows : {1, 3}) {
    const auto result = complete_with_torch(completion(rows, "completed"));
    EXPECT_EQ(result["images"], 6);
    std::set<std::vector<int>> variants;
    for (std::int64_t image = 0; image < 6; ++image) {
      const auto completed = codes("completed", image);
      EXPECT_TRUE(std::equal(encoded.begin(), encoded.begin() + 4 * rows, completed.begin()));
      variants.insert(completed);
    }
    EXPECT_GT(variants.size(), 1u);
  }
  // Two classes of three completions, each row of which begins with what was kept.
  const auto grid = decode_image(read_file(folder_ / "completed.png"), "completed.png");
  EXPECT_EQ(grid.width, 4 * (16 + 2) + 2);
  EXPECT_EQ(grid.height, 2 * (16 + 2) + 2);
  const auto picture =
      resize_and_crop(decode_image(read_file(folder_ / "pictures/one.png"), "one.png"), 16);
  const auto shown = [&](int y, int x) { return grid.pixels[((2 + y) * grid.width + 2 + x) * 3]; };
  EXPECT_EQ(shown(11, 7), picture.pixels[(11 * 16 + 7) * 3]);  // three rows of four pixels
  EXPECT_EQ(shown(12, 7), 128);
}

TEST_F(Pipelines, KeepingNoRowIsSampling) {
  SampleOptions sample;
  sample.generator = folder_ / "generator";
  sample.tokenizer = folder_ / "tokenizer";
  sample_with_torch(with_outputs(sample, "sampled"));
  complete_with_torch(completion(0, "completed"));
  for (std::int64_t image = 0; image < 6; ++image)
    EXPECT_EQ(codes("completed", image), codes("sampled", image));
}

TEST_F(Pipelines, CompletionRefusesWhatItCannotKeep) {
  for (const int rows : {-1, 4})
    EXPECT_THAT(error_of([&] { complete_with_torch(completion(rows, "x")); }),
                HasSubstr("expected 0 to 3"));
  auto options = completion(1, "x");
  options.image = folder_ / "generator/config.json";
  EXPECT_THAT(error_of([&] { complete_with_torch(options); }),
              HasSubstr("is not PNG, JPEG, WebP, GIF, BMP"));
  EXPECT_FALSE(fs::exists(folder_ / "x.png"));
}

TEST_F(Pipelines, AnExportedFolderSamplesAsTheTwoFoldersDo) {
  const auto json = export_pipeline(exporting());
  EXPECT_EQ(json["generator"]["model.safetensors"], model_hash(folder_ / "generator"));
  EXPECT_EQ(read_json(folder_ / "pipeline/pipeline.json"), json);
  SampleOptions two;
  two.generator = folder_ / "generator";
  two.tokenizer = folder_ / "tokenizer";
  sample_with_torch(with_outputs(two, "two"));
  SampleOptions one;
  one.pipeline = folder_ / "pipeline";
  sample_with_torch(with_outputs(one, "one"));
  EXPECT_EQ(read_file(folder_ / "one.png"), read_file(folder_ / "two.png"));
  one.generator = folder_ / "generator";
  EXPECT_THAT(error_of([&] { sample_with_torch(with_outputs(one, "x")); }),
              HasSubstr("--pipeline"));
  one.generator = one.pipeline = "";
  EXPECT_THAT(error_of([&] { sample_with_torch(with_outputs(one, "x")); }),
              HasSubstr("--pipeline"));
  EXPECT_THAT(error_of([&] { export_pipeline(exporting()); }), HasSubstr("exists and holds files"));
}

TEST_F(Pipelines, AGeneratorOfAnotherTokenizerIsRefused) {
  write_tokenizer("other", 2);
  auto options = exporting();
  options.tokenizer = folder_ / "other";
  EXPECT_THAT(error_of([&] { export_pipeline(options); }), HasSubstr("tokenizer"));
  EXPECT_FALSE(fs::exists(options.out) || fs::exists(options.out + ".partial"));
}

TEST_F(Pipelines, ChangedFilesAreRefusedByName) {
  export_pipeline(exporting());
  const auto problem = [&] {
    return error_of([&] { open_pipeline(folder_ / "pipeline", torch::kCPU); });
  };
  EXPECT_EQ(problem(), "");
  for (const std::string name : {"generator/config.json", "tokenizer/config.json",
                                 "generator/model.safetensors", "tokenizer/model.safetensors"}) {
    const auto path = folder_ / ("pipeline/" + name);
    const auto bytes = read_file(path);
    auto changed = bytes;
    changed.back() = changed.back() == ' ' ? '\n' : ' ';  // of the last weight, or after the JSON
    write_file(path, changed);
    EXPECT_THAT(problem(), HasSubstr(name));
    write_file(path, bytes);
  }
  auto json = read_json(folder_ / "pipeline/pipeline.json");
  json["tokenizer"] = 3;
  write_json(folder_ / "pipeline/pipeline.json", json);
  EXPECT_THAT(problem(), HasSubstr("tokenizer/config.json"));
  json["format"] = "tessera.pipeline/9";
  write_json(folder_ / "pipeline/pipeline.json", json);
  EXPECT_THAT(problem(), HasSubstr("tessera.pipeline/1"));
  fs::remove(folder_ / "pipeline/pipeline.json");
  EXPECT_THAT(problem(), HasSubstr("is not a pipeline"));
}

}  // namespace
}  // namespace tessera
