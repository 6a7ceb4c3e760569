// Every command of the README and of the guides that need no file from elsewhere runs as it is
// written, one after the other: on small data under the same names, with recipes of the same names
// that take a few steps.
#include <gtest/gtest.h>

#include <sstream>

#include "base/random.h"
#include "formats/test_archives.h"
#include "image/image.h"
#include "shell.h"

namespace tessera {
namespace {

constexpr int kSide = 28;

constexpr const char* kRecipe = R"(
[data]
image_size = 28
[tokenizer]
channels = 32
multipliers = [1, 1, 1]
encoder_blocks = 1
decoder_blocks = 1
latent_channels = 8
codebook_size = 32
[regularizer]
weight = 0.1
width = 16
[tokenizer_training]
steps = 3
batch_size = 8
[generator]
layers = 1
heads = 2
dim = 16
ffn_multiple = 16
[generator_training]
steps = 3
batch_size = 8
)";

void write_fashion_mnist(const fs::path& folder, const std::string& prefix, int count) {
  Rng rng(static_cast<std::uint64_t>(count));
  std::string pixels, labels;
  for (int i = 0; i < count; ++i) {
    labels += static_cast<char>(i % 10);
    for (int pixel = 0; pixel < kSide * kSide; ++pixel)
      pixels += static_cast<char>(rng.below(128) + static_cast<std::uint64_t>(i % 10 * 12));
  }
  write_file(folder / (prefix + "-images-idx3-ubyte.gz"),
             idx_of_bytes({count, kSide, kSide}, pixels));
  write_file(folder / (prefix + "-labels-idx1-ubyte.gz"), idx_of_bytes({count}, labels));
}

void write_pictures(const fs::path& folder, int count) {
  for (int i = 0; i < count; ++i) {
    Rng rng(static_cast<std::uint64_t>(i));
    Image image{40, 30, std::vector<std::uint8_t>(40 * 30 * 3)};
    for (auto& byte : image.pixels) byte = static_cast<std::uint8_t>(rng.below(256));
    write_png(folder / (i % 2 ? "cats" : "dogs") / (std::to_string(i) + ".png"), image);
  }
}

// The lines of a page's code blocks that begin with the program's name, continued ones joined.
std::vector<std::string> examples_of(const fs::path& page) {
  std::vector<std::string> examples;
  std::istringstream lines(read_file(page));
  bool code = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) code = !code;
    if (!code || !(line.starts_with("tessera ") || line.starts_with("tessera-lite "))) continue;
    for (std::string more; line.ends_with("\\") && std::getline(lines, more);)
      line = line.substr(0, line.size() - 1) + more;
    examples.push_back(line);
  }
  return examples;
}

TEST(Documents, EveryExampleRuns) {
  const TemporaryFolder folder;
  const fs::path source = TESSERA_SOURCE;
  write_fashion_mnist(folder / "datasets/fashion-mnist", "train", 300);
  write_fashion_mnist(folder / "datasets/fashion-mnist", "t10k", 60);
  for (const auto& recipe : fs::directory_iterator(source / "recipes"))
    write_file(folder / ("recipes/" + recipe.path().filename().string()), std::string(kRecipe));
  write_pictures(folder / "pictures", 120);
  const std::string small =
      "export TESSERA_DATASETS=datasets; tessera() { case \"$1 $2\" in "
      "'train features') set -- \"$@\" --steps 5;; esac; '" TESSERA_PROGRAM
      "' \"$@\" --quiet --threads 1; }; "
      "tessera-lite() { '" TESSERA_PROGRAM "-lite' \"$@\" --quiet --threads 1; }; ";
  // The evaluation guide goes on where the README ends, the next one begins anew.
  for (const std::string page :
       {"README.md", "docs/guides/evaluation.md", "docs/guides/own-pictures.md"}) {
    if (page.ends_with("own-pictures.md")) fs::remove_all(folder / "runs");
    const auto examples = examples_of(source / page);
    EXPECT_GE(examples.size(), 4u) << page;
    for (const auto& example : examples) {
      const auto outcome = shell(small + example, folder);
      EXPECT_EQ(outcome.code, 0) << page << "\n" << example << "\n" << outcome.err;
    }
  }
}

}  // namespace
}  // namespace tessera
