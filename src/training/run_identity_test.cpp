#include "training/run_identity.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "training/training_run.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Images of one brightness each.
class FlatImages : public ImageSet {
 public:
  std::vector<std::string> names = {"a/1.png", "a/2.png", "b/1.png"};
  std::vector<int> labels = {0, 0, 1};
  std::vector<float> brightness = {-0.5f, 0, 0.25f};
  std::vector<std::string> classes = {"a", "b"};

  std::size_t size() const override { return names.size(); }
  int label(std::size_t index) const override { return labels[index]; }
  std::string name(std::size_t index) const override { return names[index]; }
  const std::vector<std::string>& class_names() const override { return classes; }
  void read(std::size_t index, int side, float* pixels) const override {
    if (brightness[index] > 1) throw FileError(names[index], "is corrupt");
    std::fill(pixels, pixels + side * side * 3, brightness[index]);
  }
};

TEST(RunIdentity, ImagesAreKnownByContentNotByPath) {
  const FlatImages images;
  FlatImages moved, more, relabelled, repainted, rounded, corrupt;
  moved.names = {"/data/a/1.png", "/data/a/2.png", "/data/b/1.png"};
  rounded.brightness[1] = 1e-5f;
  more.names.push_back("b/2.png");
  more.labels.push_back(1);
  more.brightness.push_back(0);
  relabelled.labels = {0, 1, 1};
  repainted.brightness[2] = 0.5f;
  corrupt.brightness[0] = 2;
  const auto difference = [&](const ImageSet& other) {
    return difference_of_images(identity_of(other), identity_of(images));
  };
  EXPECT_EQ(difference(moved), "");
  EXPECT_EQ(difference(rounded), "");
  EXPECT_EQ(difference(more), "there are 4 images, there were 3");
  EXPECT_THAT(difference(relabelled), HasSubstr("file names or classes"));
  EXPECT_THAT(difference(repainted), HasSubstr("pixels"));
  EXPECT_THAT(difference(corrupt), HasSubstr("pixels"));
  EXPECT_EQ(difference_of_images(identity_of(corrupt), identity_of(corrupt)), "");
}

TEST(RunIdentity, OnlySettingsThatChangeNoResultMayDiffer) {
  const nlohmann::json before = {
      {"recipe",
       {{"data", {{"loader_threads", 2}, {"flip", true}}}, {"training", {{"log_every", 20}}}}}};
  auto now = before;
  now["recipe"]["data"]["loader_threads"] = 8;
  now["recipe"]["training"]["log_every"] = 1;
  EXPECT_EQ(difference_of_settings(now, before, free_settings("training")), "");
  EXPECT_NE(difference_of_settings(now, before, {}), "");
  now["recipe"]["data"]["flip"] = false;
  EXPECT_EQ(difference_of_settings(now, before, free_settings("training")),
            "data.flip is false, was true");
}

TEST(RunIdentity, NamesWhatMakesAResumedRunInexact) {
  const auto now = this_machine("cpu");
  EXPECT_EQ(difference_of_machines(now, now), "");
  auto before = now;
  before["threads"] = 99;
  before["processor"] = "another one";
  EXPECT_THAT(
      difference_of_machines(now, before),
      AllOf(HasSubstr("threads "), HasSubstr("(99 before)"), HasSubstr("(another one before)")));
}

TEST(TrainingFolder, IsNeitherAFinishedModelsNorAnotherRuns) {
  const TemporaryFolder folder;
  write_file(folder / "finished/model.safetensors", "x");
  write_file(folder / "pipeline/pipeline.json", "x");
  for (const char* name : {"finished", "pipeline"})
    for (const bool resume : {false, true})
      EXPECT_THAT(error_of([&] { TrainingFolder taken(folder / name, resume, true); }),
                  HasSubstr(std::string(name) + ": holds a model"));
  write_file(folder / "run/training/checkpoint.safetensors", "x");
  EXPECT_THAT(error_of([&] { TrainingFolder taken(folder / "run", false, true); }),
              HasSubstr("already holds a training run"));
  const TrainingFolder resumed(folder / "run", true, true);
  EXPECT_THAT(error_of([&] { TrainingFolder taken(folder / "run", true, true); }),
              HasSubstr("is being written by process"));
}

TEST(TrainingFolder, ARunKilledBeforeItsFirstCheckpointMayBeginAgain) {
  const TemporaryFolder folder;
  {
    const TrainingFolder run(folder / "run", false, true);
    run.begin();
    write_file(folder / "run/model.safetensors", "x");
  }
  {
    const TrainingFolder again(folder / "run", true, true);
    again.begin();
    again.has_checkpoint();
  }
  EXPECT_THAT(error_of([&] { TrainingFolder taken(folder / "run", true, true); }),
              HasSubstr("holds a model already"));
}

}  // namespace
}  // namespace tessera
