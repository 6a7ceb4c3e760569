#include "image/image_folder.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace tessera {
namespace {

const Image kDot{1, 1, {10, 20, 30}};

// Every file below `folder`, relative to it.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), folder).string());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ImageFolder, NoClassNameLeavesTheFolder) {
  TemporaryFolder folder;
  ImageFolderWriter writer(folder / "a/b/out");
  const std::vector<std::string> hostile = {
      "..", "../../up", "/etc/absolute", ".", "", "T-shirt/top", std::string("nul\0byte", 8)};
  for (const auto& name : hostile) writer.add(kDot, name);
  writer.finish();
  EXPECT_EQ(files_below(folder / ".").size(), hostile.size());
  EXPECT_EQ(files_below(folder / "a/b/out"),
            (std::vector<std::string>{"--/000000.png", "-.-..-up/000001.png", "-/000003.png",
                                      "-/000004.png", "-etc-absolute/000002.png",
                                      "T-shirt-top/000005.png", "nul-byte/000006.png"}));
}

TEST(ImageFolder, ClassesKeepFoldersOfTheirOwn) {
  TemporaryFolder folder;
  ImageFolderWriter writer(folder / "out");
  const Names classes = {"a/b", "a-b", "\\xff", "\\xfe"};
  writer.name_classes(classes);
  for (const auto& name : classes) writer.add(kDot, name);
  writer.finish();
  EXPECT_EQ(files_below(folder / "out"),
            (std::vector<std::string>{"a-b-2/000000.png", "a-b/000001.png", "\xfe/000003.png",
                                      "\xff/000002.png"}));
}

TEST(ImageFolder, AppearsWholeOrNotAtAll) {
  TemporaryFolder folder;
  {
    ImageFolderWriter writer(folder / "out");
    writer.add(kDot);
    EXPECT_FALSE(fs::exists(folder / "out/000000.png"));
  }
  EXPECT_TRUE(files_below(folder / ".").empty());
  ImageFolderWriter writer(folder / "out/");
  writer.add(kDot);
  writer.finish();
  EXPECT_EQ(files_below(folder / "."), std::vector<std::string>{"out/000000.png"});
}

TEST(ImageFolder, RefusesWhatIsThereAlready) {
  TemporaryFolder folder;
  write_file(folder / "full/file", std::string_view("x"));
  write_file(folder / "empty-file", std::string_view(""));
  for (const char* name : {"full", "empty-file"}) {
    const auto error = error_of([&] { ImageFolderWriter writer(folder / name); });
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_TRUE(fs::exists(folder / name));
  }
}

}  // namespace
}  // namespace tessera
