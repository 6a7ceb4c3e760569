#include "base/files.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(WriteFile, ReplacesTheOldFileAndMakesItsFolder) {
  const TemporaryFolder folder;
  const auto path = folder / "a" / "b.txt";
  write_file(path, "first");
  write_file(path, "second");
  EXPECT_EQ(read_file(path), "second");
  EXPECT_EQ(files_in(path.parent_path()), 1u);
}

TEST(WriteFile, AFailureHalfWayLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  const auto path = folder / "model";
  write_file(path, "old");
  EXPECT_EQ(error_of([&] {
              write_file(path, [](std::ostream& stream) {
                stream << "half of the new";
                throw Error("stopped");
              });
            }),
            "stopped");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(path.parent_path()), 1u);
}

// A limit on file size stands in for a full disk: the write that crosses it fails.
TEST(WriteFile, AFullDiskLeavesTheOldFileAndSaysSo) {
  const TemporaryFolder folder;
  const auto path = folder / "model";
  write_file(path, "old");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1 << 16;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto message = error_of([&] { write_file(path, std::string(1 << 20, 'x')); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr(path.string() + ": cannot be written: "));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(path.parent_path()), 1u);
}

TEST(WriteFile, APlaceThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "file", "no folder");
  for (const auto& path : {folder / "file" / "below", fs::path("/proc/tessera/model")})
    EXPECT_THAT(error_of([&] { write_file(path, "x"); }),
                HasSubstr(path.string() + ": cannot be written: "));
  fs::create_directory(folder / "folder");
  EXPECT_THAT(error_of([&] { write_file(folder / "folder", "x"); }),
              HasSubstr("is a folder, expected a file"));
}

TEST(ReadFile, WhatCannotBeReadIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "long", std::string(100, 'x'));
  EXPECT_THAT(error_of([&] { read_file(folder / "none"); }), HasSubstr("none: does not exist"));
  EXPECT_THAT(error_of([&] { read_file(fs::temp_directory_path()); }), HasSubstr("is not a file"));
  EXPECT_THAT(error_of([&] { read_file("/dev/zero"); }), HasSubstr("is not a file"));
  EXPECT_THAT(error_of([&] { read_file(folder / "long", 99); }),
              HasSubstr("long: size is 100 bytes, expected at most 99"));
}

TEST(ReadJson, WhatIsNotJsonIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "config.json";
  write_json(path, {{"a", 1}, {"name", "\xff not UTF-8"}});
  EXPECT_EQ(read_json(path)["a"], 1);
  write_file(path, "{\"a\": }");
  EXPECT_THAT(error_of([&] { read_json(path); }), HasSubstr("config.json: is not JSON (byte 7)"));
  write_file(path, std::string(1 << 20, '['));
  EXPECT_THAT(error_of([&] { read_json(path); }), HasSubstr("nests deeper"));
  read_damaged(R"({"format": "x", "list": [1, 2.5e3, true, null, "text\u00e9"]})", path, 1000,
               [&] { read_json(path); });
}

TEST(Sha256, IsTheStandardOne) {
  // FIPS 180-4's examples.
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const TemporaryFolder folder;
  const std::string bytes((3 << 20) + 5, 'x');  // more than one block of the reader
  write_file(folder / "file", bytes);
  EXPECT_EQ(sha256_file(folder / "file"), sha256(bytes));
  EXPECT_THAT(error_of([&] { sha256_file(folder / "none"); }), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace tessera
