#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image.h"
#include "shell.h"

namespace tessera {

// Two classes of 16-px pictures: bright discs and dark squares, each a little different.
inline void write_pictures(const fs::path& folder, int count) {
  Rng rng(7);
  for (int i = 0; i < count; ++i) {
    const bool disc = i % 2 == 0;
    const int cx = 5 + static_cast<int>(rng.below(6)), cy = 5 + static_cast<int>(rng.below(6));
    Image image{16, 16, std::vector<std::uint8_t>(16 * 16 * 3)};
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 16; ++x) {
        const bool inside = disc ? (x - cx) * (x - cx) + (y - cy) * (y - cy) < 16
                                 : std::abs(x - cx) < 4 && std::abs(y - cy) < 4;
        for (int c = 0; c < 3; ++c)
          image.pixels[static_cast<std::size_t>((y * 16 + x) * 3 + c)] =
              inside == disc ? 220 : static_cast<std::uint8_t>(20 * c + 40);
      }
    write_png(folder / (disc ? "disc" : "square") / (std::to_string(i) + ".png"), image);
  }
}

inline constexpr const char* kRecipe = R"(
[data]
image_size = 16
valid_fraction = 0.2
[tokenizer]
channels = 32
multipliers = [1, 1]
encoder_blocks = 1
decoder_blocks = 1
latent_channels = 16
codebook_size = 32
[regularizer]
weight = 0.1
width = 16
anneal_steps = 2
[tokenizer_training]
steps = 6
batch_size = 8
perceptual_weight = 0
valid_every = 3
checkpoint_every = 3
[generator]
layers = 1
heads = 2
dim = 16
ffn_multiple = 16
[generator_training]
steps = 6
batch_size = 8
valid_every = 3
checkpoint_every = 3
)";

// A folder with pictures and a recipe of a few small steps, and the program run in it.
class CommandLine : public testing::Test {
 protected:
  void SetUp() override {
    write_pictures(folder_ / "pictures", 60);
    write_file(folder_ / "recipe.toml", std::string_view(kRecipe));
  }
  Outcome run(const std::string& command) { return shell(command, folder_); }
  void succeeds(const std::string& command) {
    const auto outcome = run(command);
    EXPECT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
  }
  // Bad input: exit code 2 and one line that holds all of `words`.
  void refuses(const std::string& command, const std::vector<std::string>& words) {
    const auto outcome = run(command);
    EXPECT_EQ(outcome.code, 2) << command << "\n" << outcome.err;
    // Warnings about single images may come before it.
    const auto last = outcome.err.rfind('\n', outcome.err.size() - 2);
    EXPECT_EQ(outcome.err.find("tessera:"), last == std::string::npos ? 0 : last + 1)
        << outcome.err;
    for (const auto& word : words) EXPECT_THAT(outcome.err, testing::HasSubstr(word)) << command;
  }
  nlohmann::json json(const std::string& file) { return read_json(folder_ / file); }
  bool exists(const std::string& file) { return fs::exists(folder_ / file); }
  void train_tokenizer(const std::string& out, const std::string& more = "") {
    succeeds("tessera train tokenizer --quiet --recipe recipe.toml --data pictures --out " + out +
             " " + more);
  }

  TemporaryFolder folder_;
};

}  // namespace tessera
