#include "engine/image_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/testing.h"
#include "engine/naive_decoder_test.h"
#include "engine/peak_memory_test.h"
#include "kernels/instruction_set.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

const TokenizerConfig kTiny = {.channels = 32,
                               .multipliers = {1, 2},
                               .decoder_blocks = 2,
                               .latent_channels = 24,
                               .codebook_size = 19,
                               .code_size = 5};

struct Case {
  TokenizerConfig config;
  int rows, columns;
};

std::vector<Case> cases() {
  auto other = kTiny;  // three levels that change their width both ways, its own width, plain codes
  other.multipliers = {2, 1, 2};
  other.decoder_channels = 64;
  other.decoder_blocks = 1;
  other.l2_normalised = false;
  auto flat = kTiny;
  flat.multipliers = {1};
  return {{kTiny, 3, 5}, {kTiny, 1, 1}, {kTiny, 9, 8}, {kTiny, 35, 2},
          {other, 3, 5}, {flat, 1, 7},  {flat, 5, 4}};
}

// Whichever precision is asked for, where the processor has no bf16 float32 takes its place.
std::vector<float> decoded(const TokenizerConfig& config, ActivationType precision,
                           const std::vector<std::int32_t>& codes, int rows, int columns,
                           int threads) {
  ThreadPool pool(threads);
  ImageDecoder decoder(config, rows, RandomWeights(1), {precision}, pool);
  return decode(decoder, codes, rows, columns);
}

TEST(ImageDecoder, Float32IsThePlainComputation) {
  for (const auto& [config, rows, columns] : cases()) {
    const auto codes = random_codes(config, rows, columns, 2);
    const auto expected =
        NaiveDecoder(config, random_decoder(config, 1)).decode(codes, rows, columns);
    const auto found = decoded(config, ActivationType::float32, codes, rows, columns, 2);
    // A sum of n terms of size s is off by at most about n s 2^-24; some 30 sums follow each other,
    // and norms bring what they make back to size 1.
    constexpr double kSums = 30, kLongestSum = 9 * 128;
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], kSums * kLongestSum * 0x1p-24) << rows << " x " << columns;
    EXPECT_GT(psnr(found, expected), 100);
  }
}

TEST(ImageDecoder, Bf16IsCloseToThePlainComputation) {
  // A norm over a few numbers may divide by next to nothing, and magnifies any rounding then.
  constexpr int kLeastPositions = 15;
  for (const auto& [config, rows, columns] : cases()) {
    if (rows * columns < kLeastPositions) continue;
    const auto codes = random_codes(config, rows, columns, 2);
    const auto expected =
        NaiveDecoder(config, random_decoder(config, 1)).decode(codes, rows, columns);
    const auto found = decoded(config, ActivationType::bf16, codes, rows, columns, 2);
    EXPECT_GT(psnr(found, expected), 45) << rows << " x " << columns;
  }
}

TEST(ImageDecoder, PixelsDoNotDependOnTheNumberOfThreads) {
  const auto codes = random_codes(kTiny, 21, 7, 3);
  for (const auto precision : {ActivationType::float32, ActivationType::bf16}) {
    const auto alone = decoded(kTiny, precision, codes, 21, 7, 1);
    for (const int threads : {2, 3, 5})
      EXPECT_EQ(decoded(kTiny, precision, codes, 21, 7, threads), alone) << threads;
  }
}

TEST(ImageDecoder, PixelsDoNotDependOnWhatWasDecodedBefore) {
  ThreadPool pool(2);
  for (const auto precision : {ActivationType::float32, ActivationType::bf16}) {
    ImageDecoder decoder(kTiny, 4, RandomWeights(1), {precision}, pool);
    for (const auto& [rows, columns] : {std::pair{40, 3}, {2, 64}, {3, 3}, {40, 3}}) {
      const auto codes = random_codes(kTiny, rows, columns, 4);
      EXPECT_EQ(decode(decoder, codes, rows, columns),
                decoded(kTiny, precision, codes, rows, columns, 1))
          << rows << " x " << columns;
    }
  }
}

// oneDNN settles once what it uses, so that every instruction set takes a process of its own.
TEST(ImageDecoderDeathTest, EveryInstructionSetComputesTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto agrees = [](kernels::InstructionSet set) {
    kernels::use_instruction_set(set);
    const auto codes = random_codes(kTiny, 3, 5, 2);
    const auto expected = NaiveDecoder(kTiny, random_decoder(kTiny, 1)).decode(codes, 3, 5);
    return has_bf16() == (set == kernels::InstructionSet::avx512bf16) &&
           psnr(decoded(kTiny, ActivationType::float32, codes, 3, 5, 2), expected) > 100 &&
           psnr(decoded(kTiny, ActivationType::bf16, codes, 3, 5, 2), expected) > 45;
  };
  for (const auto set : kernels::instruction_sets())
    EXPECT_EXIT(std::exit(agrees(set) ? 0 : 1), ::testing::ExitedWithCode(0), "")
        << kernels::name_of(set);
}

TEST(ImageDecoder, CountsThePlainAlgorithm) {
  ThreadPool pool(1);
  const ImageDecoder decoder({.channels = 32,
                              .multipliers = {1, 2},
                              .decoder_blocks = 1,
                              .latent_channels = 16,
                              .codebook_size = 8,
                              .code_size = 4},
                             2, RandomWeights(1), {}, pool);
  // Multiply-adds at 2 x 3 positions: from codes, stem, three residual blocks, two attention
  // blocks.
  const double attention = 4.0 * 64 * 64 + 2 * 6 * 64;
  const double low = 4 * 16 + 9 * 16 * 64 + 3 * 2 * 9 * 64 * 64 + 2 * attention;
  // At 4 x 6: upsampling, a block with its shortcut, pixels.
  const double high = 9 * 64 * 64 + 9 * 64 * 32 + 64 * 32 + 9 * 32 * 32 + 9 * 32 * 3;
  EXPECT_EQ(decoder.flops(2, 3), 2 * (6 * low + 24 * high));
}

TEST(ImageDecoder, RefusesCodesThatDoNotExist) {
  ThreadPool pool(1);
  ImageDecoder decoder(kTiny, 2, RandomWeights(1), {}, pool);
  EXPECT_THAT(error_of([&] {
                decode(decoder, {0, 18, 19, 0}, 2, 2);
              }),
              HasSubstr("token 19 at position 2 is not a code, expected 0 to 18"));
  EXPECT_THAT(error_of([&] { decode(decoder, {-1}, 1, 1); }), HasSubstr("token -1 at position 0"));
}

// --- model folders

class DecoderFolder : public ::testing::Test {
 protected:
  void write() { write_tokenizer(folder_ / "vq", kTiny, 3, tensors_); }
  std::string problem() {
    return error_of([&] { ImageDecoder::open(folder_ / "vq", {}, pool_); });
  }
  // The error of opening a folder of which one tensor has been changed.
  std::string problem_after(const std::string& name,
                            const std::function<void(NamedTensor&)>& edit) {
    const auto whole = tensors_;
    edit(tensors_.at(name));
    write();
    tensors_ = whole;
    return problem();
  }

  TemporaryFolder folder_;
  ThreadPool pool_{2};
  std::map<std::string, NamedTensor> tensors_ = random_decoder(kTiny, 1);
};

TEST_F(DecoderFolder, HoldsAllThatIsNeeded) {
  write();
  const auto codes = random_codes(kTiny, 4, 5, 2);
  auto decoder = ImageDecoder::open(folder_ / "vq", {ActivationType::float32}, pool_);
  EXPECT_EQ(decoder.precision(), ActivationType::float32);
  EXPECT_EQ(decoder.pixels_per_token(), 2);
  EXPECT_EQ(decode(decoder, codes, 4, 5), decoded(kTiny, ActivationType::float32, codes, 4, 5, 1));
}

TEST_F(DecoderFolder, WrongTensorsAreRefusedByName) {
  write();
  EXPECT_EQ(problem(), "");
  for (const std::string name : {"quantize.embedding.weight", "decoder.conv_blocks.0.attn.1.v.bias",
                                 "decoder.conv_blocks.0.upsample.conv.weight"}) {
    const auto tensor = tensors_.extract(name);
    write();
    EXPECT_THAT(problem(), HasSubstr("model.safetensors: holds no tensor \"" + name + "\""));
    tensors_[name] = tensor.mapped();
    EXPECT_THAT(problem_after(name, [](auto& changed) { changed.shape.push_back(1); }),
                HasSubstr("model.safetensors: tensor '" + name + "' is ["));
    for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF})
      EXPECT_THAT(problem_after(name, [&](auto& changed) { changed.values.back() = wrong; }),
                  HasSubstr("model.safetensors: tensor '" + name + "': element "));
  }
}

TEST_F(DecoderFolder, WholeNumbersAreRefused) {
  write();
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors_)
    views.push_back({name, name == "post_quant_conv.bias" ? DType::I32 : DType::F32, tensor.shape,
                     std::as_bytes(std::span(tensor.values))});
  write_safetensors(folder_ / "vq/model.safetensors", views, {});
  EXPECT_THAT(problem(), HasSubstr("tensor 'post_quant_conv.bias' is I32, expected floating"));
}

TEST_F(DecoderFolder, FilesThatAreMissingCutOrOfAnotherKindAreRefused) {
  EXPECT_THAT(problem(), HasSubstr("is not a model folder"));
  write();
  const auto path = folder_ / "vq/model.safetensors";
  fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_THAT(problem(), HasSubstr("model.safetensors: is truncated"));
  fs::remove(path);
  EXPECT_THAT(problem(), HasSubstr("model.safetensors"));
  auto config = read_json(folder_ / "vq/config.json");
  config["kind"] = "generator";
  write_json(folder_ / "vq/config.json", config);
  EXPECT_THAT(problem(), HasSubstr("kind is generator, expected tokenizer"));
}

// --- memory

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(ImageDecoderMemory, IsWhatTheEstimateSays) {
  TokenizerConfig config{.channels = 64, .multipliers = {1, 1, 2, 4}, .codebook_size = 1024};
  constexpr int kGrid = 32;
  TemporaryFolder folder;
  write_tokenizer(folder / "vq", config, kGrid, random_decoder(config, 1));
  const auto codes = random_codes(config, kGrid, kGrid, 1);
  std::vector<float> pixels(3 * 64 * codes.size(), 1);
  ThreadPool pool(2);
  for (const auto precision : {ActivationType::bf16, ActivationType::float32}) {
    PeakMemory peak;
    auto decoder = ImageDecoder::open(folder / "vq", {precision}, pool);
    const auto estimate = static_cast<double>(decoder.memory(kGrid, kGrid));
    decoder.decode(codes, kGrid, kGrid, pixels);
    EXPECT_NEAR(peak.bytes(), estimate, estimate / 10) << "bytes";
  }
}
#endif

}  // namespace
}  // namespace tessera
