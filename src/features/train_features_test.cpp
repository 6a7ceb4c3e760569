#include "features/train_features.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "features/feature_net.h"
#include "formats/npy.h"

namespace tessera {
namespace {

TEST(TrainFeatures, WritesAFolderThatLoadsAtAnyImageSize) {
  TemporaryFolder folder;
  Rng rng(1);
  std::vector<std::uint8_t> pixels(60 * 9 * 9 * 3);
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  write_npy(folder / "images.npy", DType::U8, {60, 9, 9, 3}, std::as_bytes(std::span(pixels)));
  TrainFeaturesOptions options;
  options.quiet = true;
  options.threads = 1;
  options.data = {(folder / "images.npy").string()};
  options.steps = 2;
  options.batch_size = 8;
  options.width = 4;
  for (const int side : {9, 28}) {  // 28 does not divide by the default tokenizer's 16
    options.image_size = side;
    options.out = (folder / std::to_string(side)).string();
    const auto result = train_features(options);
    EXPECT_EQ(result["task"], "rotations");
    const auto net = FeatureNet::load(options.out, torch::kCPU);
    EXPECT_EQ(result["feature_space"], net.hash());
    EXPECT_EQ(read_model_config(options.out, "features").recipe.data.image_size, side);
  }
}

TEST(TrainFeatures, RefusesBadOptions) {
  TrainFeaturesOptions options;
  options.steps = 0;
  EXPECT_NE(error_of([&] { train_features(options); }).find("--steps is 0"), std::string::npos);
}

}  // namespace
}  // namespace tessera
