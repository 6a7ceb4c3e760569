#include "dataset/loader.h"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <set>

#include "base/testing.h"
#include "image/test_images.h"

namespace tessera {
namespace {

// Images whose pixels tell their index and place; some of them corrupt.
class NumberedImages : public ImageSet {
 public:
  NumberedImages(std::size_t size, std::set<std::size_t> corrupt)
      : size_(size), corrupt_(std::move(corrupt)) {}
  std::size_t size() const override { return size_; }
  int label(std::size_t index) const override { return static_cast<int>(index % 2); }
  std::string name(std::size_t index) const override { return std::to_string(index); }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  void read(std::size_t index, int side, float* pixels) const override {
    ++reads_;
    if (corrupt_.contains(index)) throw FileError(name(index), "is corrupt");
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        *pixels++ = float_from_byte(static_cast<std::uint8_t>(index));
        *pixels++ = float_from_byte(static_cast<std::uint8_t>(x));
        *pixels++ = float_from_byte(static_cast<std::uint8_t>(y));
      }
  }
  int reads() const { return reads_; }

 private:
  std::size_t size_;
  std::set<std::size_t> corrupt_;
  std::vector<std::string> class_names_ = {"even", "odd"};
  mutable std::atomic<int> reads_ = 0;
};

std::shared_ptr<NumberedImages> numbered(std::size_t size, std::set<std::size_t> corrupt = {}) {
  return std::make_shared<NumberedImages>(size, std::move(corrupt));
}

DataConfig small_config(int threads = 2) {
  return {.image_size = 4, .crop_scale = 1.5, .loader_threads = threads, .cache_megabytes = 1};
}

std::vector<ImageBatch> take(TrainingLoader& loader, int count) {
  std::vector<ImageBatch> batches;
  for (int i = 0; i < count; ++i) batches.push_back(loader.next());
  return batches;
}

void expect_equal(const ImageBatch& a, const ImageBatch& b) {
  EXPECT_EQ(a.indices, b.indices);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.pixels, b.pixels);
}

TEST(TrainingLoader, ThreadsAndCacheChangeNothing) {
  const auto images = numbered(23, {3, 11});
  TrainingLoader reference(images, small_config(1), 7, 5);
  const auto expected = take(reference, 20);
  for (const int threads : {2, 4})
    for (const int megabytes : {0, 1}) {
      auto config = small_config(threads);
      config.cache_megabytes = megabytes;
      TrainingLoader loader(images, config, 7, 5);
      for (const auto& batch : expected) expect_equal(loader.next(), batch);
    }
}

TEST(TrainingLoader, GoesOnFromAnyStep) {
  const auto images = numbered(23);
  TrainingLoader whole(images, small_config(), 7, 5);
  const auto expected = take(whole, 12);
  TrainingLoader resumed(images, small_config(), 7, 5, 8);
  for (int step = 8; step < 12; ++step) expect_equal(resumed.next(), expected[step]);
}

TEST(TrainingLoader, ShowsEveryImageOncePerEpochInAnotherOrder) {
  TrainingLoader loader(numbered(20), small_config(), 10, 1);
  std::vector<std::vector<std::size_t>> epochs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    auto& seen = epochs.emplace_back();
    for (const auto& batch : take(loader, 2))
      seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 20u);
  }
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST(TrainingLoader, SeedsDiffer) {
  TrainingLoader one(numbered(50), small_config(), 50, 1), two(numbered(50), small_config(), 50, 2);
  EXPECT_NE(one.next().indices, two.next().indices);
}

// A window of 4 out of 6 has 9 places and 2 directions; 500 draws of 18 miss one with probability
// 18 (17/18)^500 < 1e-11.
TEST(TrainingLoader, DrawsEveryCropAndMirrorsHalf) {
  TrainingLoader loader(numbered(50), small_config(), 50, 3);
  std::map<std::tuple<int, int, bool>, int> windows;
  for (const auto& batch : take(loader, 10))
    for (std::size_t i = 0; i < 50; ++i) {
      const auto byte = [&](int offset) { return byte_from_float(batch.pixels[i * 48 + offset]); };
      const bool mirrored = byte(1) > byte(4);
      ++windows[{mirrored ? byte(10) : byte(1), byte(2), mirrored}];
      EXPECT_EQ(byte(0), batch.indices[i]);
      EXPECT_EQ(batch.labels[i], static_cast<std::int64_t>(batch.indices[i] % 2));
    }
  EXPECT_EQ(windows.size(), 18u);
}

TEST(TrainingLoader, WithoutAugmentationPixelsAreExact) {
  auto config = small_config();
  config.flip = false;
  config.crop_scale = 1;
  const auto images = numbered(5);
  TrainingLoader loader(images, config, 5, 1);
  const auto batch = loader.next();
  std::vector<float> expected(48);
  for (std::size_t i = 0; i < 5; ++i) {
    images->read(batch.indices[i], 4, expected.data());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), &batch.pixels[i * 48]));
  }
}

TEST(TrainingLoader, DecodesOnceWhenTheCacheHoldsAll) {
  const auto images = numbered(20);
  TrainingLoader loader(images, small_config(1), 10, 1);
  take(loader, 40);
  EXPECT_EQ(images->reads(), 20);
}

TEST(TrainingLoader, ReplacesAndCountsCorruptImages) {
  const auto images = numbered(20, {4, 5, 6});
  TrainingLoader loader(images, small_config(), 10, 1);
  for (const auto& batch : take(loader, 4))
    for (const auto index : batch.indices) EXPECT_TRUE(index < 4 || index > 6);
  EXPECT_EQ(loader.corrupt_images(), 3u);
}

TEST(TrainingLoader, RefusesASetWithoutASoundImage) {
  TrainingLoader loader(numbered(3, {0, 1, 2}), small_config(), 2, 1);
  EXPECT_THAT(error_of([&] { loader.next(); }), testing::HasSubstr("none of the 3 images"));
  EXPECT_THROW(TrainingLoader(numbered(0), small_config(), 2, 1), Error);
}

TEST(ForEachBatch, GivesEverySoundImageInOrder) {
  for (const int threads : {1, 2, 4}) {
    std::vector<std::size_t> seen, sizes;
    const auto corrupt = for_each_batch(
        *numbered(23, {0, 9, 22}), small_config(threads), 6, 0, [&](const ImageBatch& batch) {
          sizes.push_back(batch.indices.size());
          EXPECT_EQ(batch.pixels.size(), sizes.back() * 48);
          for (std::size_t i = 0; i < sizes.back(); ++i) {
            seen.push_back(batch.indices[i]);
            EXPECT_EQ(byte_from_float(batch.pixels[i * 48]), batch.indices[i]);
          }
        });
    EXPECT_EQ(corrupt, 3u);
    EXPECT_THAT(sizes, testing::ElementsAre(6, 6, 6, 2));
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_EQ(seen.size(), 20u);
  }
}

TEST(ForEachBatch, SpreadsALimitEvenly) {
  std::vector<std::size_t> seen;
  for_each_batch(*numbered(100), small_config(), 3, 4, [&](const auto& batch) {
    seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
  });
  EXPECT_THAT(seen, testing::ElementsAre(0, 25, 50, 75));
}

TEST(ForEachBatch, RefusesASetWithoutASoundImageAndPassesErrorsOn) {
  const auto nothing = [](const ImageBatch&) {};
  EXPECT_THROW(for_each_batch(*numbered(2, {0, 1}), small_config(), 2, 0, nothing), Error);
  const auto fail = [](const ImageBatch&) { throw Error("enough"); };
  EXPECT_EQ(error_of([&] { for_each_batch(*numbered(50), small_config(), 2, 0, fail); }), "enough");
}

}  // namespace
}  // namespace tessera
