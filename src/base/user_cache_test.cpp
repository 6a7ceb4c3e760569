#include "base/user_cache.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace tessera {
namespace {

class UserCache : public testing::Test {
 protected:
  void SetUp() override { ::setenv("TESSERA_CACHE", (folder_ / "cache").c_str(), 1); }
  void TearDown() override { ::unsetenv("TESSERA_CACHE"); }
  TemporaryFolder folder_;
};

TEST_F(UserCache, AChangedFileIsAnotherFile) {
  const auto file = folder_ / "model";
  write_file(file, "one");
  const auto first = user_cache_path(file, "packed", ".packed");
  ASSERT_TRUE(first);
  EXPECT_EQ(user_cache_path(file, "packed", ".packed"), first);
  EXPECT_NE(user_cache_path(file, "other", ".packed"), first);
  write_file(file, "two");  // another inode
  EXPECT_NE(user_cache_path(file, "packed", ".packed"), first);
  EXPECT_FALSE(user_cache_path(folder_ / "none", "packed", ".packed"));
  ::setenv("TESSERA_CACHE", "", 1);
  EXPECT_FALSE(user_cache_path(file, "packed", ".packed"));
}

TEST_F(UserCache, KeepsTheFilesUsedLast) {
  for (const char* name : {"a.x", "b.x", "c.x", "d.y"}) write_file(folder_ / name, name);
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(folder_ / "a.x", now);
  fs::last_write_time(folder_ / "b.x", now - std::chrono::hours(2));
  fs::last_write_time(folder_ / "c.x", now - std::chrono::hours(1));
  remove_least_recent((folder_ / "a.x").parent_path(), ".x", 2);
  EXPECT_TRUE(fs::exists(folder_ / "a.x") && fs::exists(folder_ / "c.x"));
  EXPECT_TRUE(fs::exists(folder_ / "d.y"));
  EXPECT_FALSE(fs::exists(folder_ / "b.x"));
}

TEST_F(UserCache, RemembersTheHashOfALargeFileUntilItChanges) {
  const auto file = folder_ / "model";
  std::string bytes(17 << 20, 'a');
  write_file(file, bytes);
  EXPECT_EQ(remembered_sha256(file), sha256(bytes));
  EXPECT_EQ(remembered_sha256(file), sha256(bytes));
  bytes.back() = 'b';
  write_file(file, bytes);
  EXPECT_EQ(remembered_sha256(file), sha256(bytes));
  // What was remembered badly is computed again.
  const auto kept = user_cache_path(file, "sha256", ".sha256");
  ASSERT_TRUE(kept && fs::exists(*kept));
  write_file(*kept, "not a hash");
  EXPECT_EQ(remembered_sha256(file), sha256(bytes));
}

}  // namespace
}  // namespace tessera
