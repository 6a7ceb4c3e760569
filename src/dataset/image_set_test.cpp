#include "dataset/image_set.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/testing.h"
#include "dataset/listing.h"
#include "formats/npy.h"
#include "formats/test_archives.h"
#include "image/test_images.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ImageSets : public testing::Test {
 protected:
  std::unique_ptr<ImageSet> open(const std::string& name) const {
    return open_images({(folder_ / name).string()});
  }
  std::string refusal(const std::string& name) const {
    return error_of([&] { open(name); });
  }
  static Image read(const ImageSet& images, std::size_t index, int side) {
    std::vector<float> pixels(static_cast<std::size_t>(side) * side * 3);
    images.read(index, side, pixels.data());
    return image_from_floats(pixels.data(), side);
  }
  TemporaryFolder folder_;
};

TEST_F(ImageSets, ClassFoldersGiveSortedClassesAndExactPixels) {
  write_png(folder_ / "set/dog/1.png", random_image(32, 32, 1));
  write_png(folder_ / "set/cat/x.PNG", random_image(32, 32, 2));
  write_file(folder_ / "set/cat/notes.txt", "no image");
  write_file(folder_ / "set/.thumbnails/dog.png", "hidden");
  const auto images = open("set");
  ASSERT_EQ(images->size(), 2u);
  EXPECT_THAT(images->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(images->label(0), 0);
  EXPECT_EQ(images->label(1), 1);
  EXPECT_EQ(read(*images, 0, 32), random_image(32, 32, 2));
  EXPECT_EQ(read(*images, 1, 32), random_image(32, 32, 1));
}

TEST_F(ImageSets, FlatAndSingleClassFoldersHaveOneClass) {
  write_png(folder_ / "flat/b.png", plain_image(4, 6, 1, 2, 3));
  write_file(folder_ / "flat/a.jpeg", encode_jpeg(plain_image(4, 4, 9, 9, 9)));
  write_png(folder_ / "single/train/dog/b.png", plain_image(4, 4, 1, 2, 3));
  EXPECT_THAT(open("flat")->class_names(), ElementsAre("flat"));
  EXPECT_EQ(open("flat")->size(), 2u);
  EXPECT_EQ(open("flat")->stored_size(1), std::pair(4, 6));
  EXPECT_THAT(open("single")->class_names(), ElementsAre("dog"));
}

TEST_F(ImageSets, ImagesBesideClassFoldersAreRefused) {
  EXPECT_THAT(error_of([] {
                DataNotes notes;
                labels_from_paths({"a/1.png", "b/1.png", "2.png"}, "set", {}, notes);
              }),
              HasSubstr("2.png lies beside class folders such as a"));
}

TEST_F(ImageSets, TarsOfClassFoldersAreOneSet) {
  const auto png = [](int seed) { return encode_png(random_image(8, 8, seed)); };
  write_tar(folder_ / "part-0.tar", {{"./dog/1.png", png(1)}, {"./cat/1.png", png(2)}});
  write_tar(folder_ / "part-1.tar", {{"cow/1.png", png(3)}, {"cow/label.txt", "cow"}});
  const auto images = open("part-*.tar");
  ASSERT_EQ(images->size(), 3u);
  EXPECT_THAT(images->class_names(), ElementsAre("cat", "cow", "dog"));
  EXPECT_THAT((std::vector{images->label(0), images->label(1), images->label(2)}),
              ElementsAre(2, 0, 1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(read(*images, i, 8), random_image(8, 8, i + 1));
  EXPECT_THAT(images->name(2), HasSubstr("part-1.tar:cow/1.png"));
}

TEST_F(ImageSets, IdxFindsItsLabels) {
  write_file(folder_ / "t-images-idx3-ubyte", idx_of_bytes({2, 1, 1}, "\x10\xff"));
  EXPECT_EQ(open("t-images-idx3-ubyte")->class_names().size(), 1u);
  write_file(folder_ / "t-labels-idx1-ubyte", idx_of_bytes({2}, std::string("\x02\0", 2)));
  const auto images = open("t-images-idx3-ubyte");
  EXPECT_THAT(images->class_names(), ElementsAre("0", "1", "2"));
  EXPECT_EQ(images->label(0), 2);
  EXPECT_EQ(read(*images, 0, 1), plain_image(1, 1, 16, 16, 16));
  write_file(folder_ / "t-labels-idx1-ubyte", idx_of_bytes({1}, "a"));
  EXPECT_THAT(refusal("t-images-idx3-ubyte"), HasSubstr("shape is [1], expected [2]"));
}

TEST_F(ImageSets, CifarRecordsAreReadExactly) {
  std::string records(2 * 3073, '\0');
  records[3073] = 9;
  records[3073 + 1 + 5] = 100;            // red of pixel 5
  records[3073 + 1 + 2048 + 5] = '\xc8';  // its blue
  write_file(folder_ / "batch.bin", records);
  const auto images = open("batch.bin");
  ASSERT_EQ(images->size(), 2u);
  EXPECT_EQ(images->class_names()[images->label(1)], "truck");
  const auto image = read(*images, 1, 32);
  EXPECT_THAT((std::vector(&image.pixels[15], &image.pixels[18])), ElementsAre(100, 0, 200));
  records[0] = 10;
  write_file(folder_ / "batch.bin", records);
  EXPECT_THAT(refusal("batch.bin"), HasSubstr("label of record 0 is 10"));
  write_file(folder_ / "batch.bin", records.substr(1));
  EXPECT_THAT(refusal("batch.bin"), HasSubstr("multiple of 3073"));
}

TEST_F(ImageSets, NumpyArraysOfBytesAndFloatsAreReadExactly) {
  const auto image = random_image(5, 5, 3);
  write_npy(folder_ / "bytes.npy", DType::U8, {1, 5, 5, 3}, std::as_bytes(std::span(image.pixels)));
  EXPECT_EQ(read(*open("bytes.npy"), 0, 5), image);
  std::vector<float> planes;
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < 25; ++i) planes.push_back(float_from_byte(image.pixels[i * 3 + c]));
  write_npy(folder_ / "floats.npy", DType::F32, {1, 3, 5, 5}, std::as_bytes(std::span(planes)));
  EXPECT_EQ(read(*open("floats.npy"), 0, 5), image);
  planes[7] = 1.5f;
  write_npy(folder_ / "floats.npy", DType::F32, {1, 3, 5, 5}, std::as_bytes(std::span(planes)));
  EXPECT_THAT(error_of([&] { read(*open("floats.npy"), 0, 5); }), HasSubstr("[-1, 1]"));
  write_npy(folder_ / "wrong.npy", DType::F32, {3, 5, 5}, std::as_bytes(std::span(planes)));
  EXPECT_THAT(refusal("wrong.npy"), HasSubstr("F32 [3, 5, 5], expected"));
}

TEST_F(ImageSets, NothingToReadIsAClearError) {
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(refusal("empty"), HasSubstr("empty: holds no image (PNG, JPEG"));
  EXPECT_THAT(refusal("no-*.tar"), HasSubstr("there is no such path"));
  EXPECT_THAT(error_of([] { open_images({"fashion-mnit"}); }), HasSubstr("fashion-mnist"));
  EXPECT_THAT(error_of([] { open_images({}); }), HasSubstr("--data is missing"));
  write_file(folder_ / "letter.docx", "?");
  EXPECT_THAT(refusal("letter.docx"), HasSubstr("no kind of data that is known"));
}

TEST_F(ImageSets, NamedSetsTellWhichPackageIsMissing) {
  ::setenv("TESSERA_DATASETS", (folder_ / "none").c_str(), 1);
  const auto message = error_of([] { open_images({"fashion-mnist"}); });
  ::unsetenv("TESSERA_DATASETS");
  EXPECT_THAT(message, HasSubstr("dataset-fashion-mnist"));
}

TEST_F(ImageSets, SplitsAreDisjointCompleteAndOfTheRightSize) {
  const std::vector<std::uint8_t> bytes(2000 * 3);
  write_npy(folder_ / "many.npy", DType::U8, {2000, 1, 1, 3}, std::as_bytes(std::span(bytes)));
  const std::shared_ptr<const ImageSet> all = open("many.npy");
  const DataConfig config{.valid_fraction = 0.25};
  std::set<std::string> names;
  const auto train = take_split(all, Split::train, config);
  const auto valid = take_split(all, Split::valid, config);
  for (const auto& part : {train, valid})
    for (std::size_t i = 0; i < part->size(); ++i) names.insert(part->name(i));
  EXPECT_EQ(train->size() + valid->size(), 2000u);
  EXPECT_EQ(names.size(), 2000u);
  EXPECT_NEAR(static_cast<double>(valid->size()), 500, 5 * std::sqrt(2000 * 0.25 * 0.75));
  EXPECT_EQ(take_split(all, Split::all, config), all);
  DataConfig other = config;
  other.split_seed = 1;
  EXPECT_NE(listing_hash(*take_split(all, Split::valid, other)), listing_hash(*valid));
  EXPECT_THROW(take_split(all, Split::valid, {.valid_fraction = 0}), Error);
}

TEST_F(ImageSets, FewerTrainingImagesAreAmongMoreAndHoldOutTheSame) {
  const std::vector<std::uint8_t> bytes(500 * 3);
  write_npy(folder_ / "many.npy", DType::U8, {500, 1, 1, 3}, std::as_bytes(std::span(bytes)));
  const std::shared_ptr<const ImageSet> all = open("many.npy");
  const auto names = [&](std::int64_t count, Split split) {
    const auto part = take_split(all, split, {.valid_fraction = 0.2, .train_images = count});
    std::vector<std::string> found;
    for (std::size_t i = 0; i < part->size(); ++i) found.push_back(part->name(i));
    return std::set<std::string>(found.begin(), found.end());
  };
  const auto few = names(30, Split::train), more = names(100, Split::train);
  EXPECT_EQ(few.size(), 30u);
  EXPECT_EQ(more.size(), 100u);
  EXPECT_TRUE(std::includes(more.begin(), more.end(), few.begin(), few.end()));
  EXPECT_EQ(names(30, Split::valid), names(0, Split::valid));
  EXPECT_EQ(names(10'000, Split::train), names(0, Split::train));
}

}  // namespace
}  // namespace tessera
