#include <gmock/gmock.h>

#include "base/testing.h"
#include "formats/idx.h"
#include "formats/tar.h"
#include "formats/test_archives.h"

namespace tessera {
namespace {

using testing::HasSubstr;

class Archives : public testing::Test {
 protected:
  TemporaryFolder folder_;
  const fs::path path_ = folder_ / "file";
  const std::string long_name_ = std::string(150, 'd') + "/" + std::string(120, 'f') + ".png";
  const std::vector<std::pair<std::string, std::string>> files_ = {
      {"dog/1.png", "first"},
      {long_name_, std::string(5000, 'x')},
      {"cat/empty", ""},
      {"cat/2", "last"}};
};

TEST_F(Archives, TarGivesEveryFileBack) {
  write_tar(path_, files_);
  const TarFile tar(path_);
  ASSERT_EQ(tar.entries().size(), files_.size());
  for (std::size_t i = files_.size(); i-- > 0;) {
    EXPECT_EQ(tar.entries()[i].name, files_[i].first);
    EXPECT_EQ(tar.read(tar.entries()[i]), files_[i].second);
  }
}

TEST_F(Archives, TruncatedTarIsRefusedWhereverItWasCut) {
  write_tar(path_, {{"a.png", std::string(700, 'a')}, {"b.png", std::string(10, 'b')}});
  const auto bytes = read_file(path_);
  // 3,072 bytes hold the files, 1,024 zeros end them; the rest only fills a record.
  const auto whole = bytes.find_last_not_of('\0');
  for (std::size_t size = 0; size <= whole; size += 100) {
    write_file(path_, bytes.substr(0, size));
    EXPECT_THAT(error_of([&] { TarFile{path_}; }), HasSubstr(path_.string())) << size;
  }
  const auto first_file = bytes.find(std::string(700, 'a'));
  write_file(path_, bytes.substr(0, first_file + 1024));  // between the two files
  EXPECT_THAT(error_of([&] { TarFile{path_}; }), HasSubstr("truncated or damaged after 1 whole"));
}

TEST_F(Archives, CompressedTarIsRefused) {
  write_tar(path_, files_, true);
  EXPECT_THAT(error_of([&] { TarFile{path_}; }), HasSubstr("is compressed"));
}

TEST_F(Archives, DamagedTarNeverCrashes) {
  write_tar(path_, {{"dog/1.png", "first"}, {"cat/2.png", "second"}});
  const int refused = read_damaged(read_file(path_), path_, 1000, [&] {
    const TarFile tar(path_);
    for (const auto& entry : tar.entries()) tar.read(entry);
  });
  EXPECT_GT(refused, 100);
}

TEST_F(Archives, IdxHoldsShapeAndBytes) {
  write_file(path_, idx_of_bytes({2, 1, 3}, "abcdef"));
  const auto array = read_idx(path_);
  EXPECT_THAT(array.shape, testing::ElementsAre(2, 1, 3));
  EXPECT_EQ(array.bytes, "abcdef");
}

TEST_F(Archives, WrongIdxIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "empty"},
      {"hello, world", "is not an IDX file"},
      {std::string("\0\0\x0d\x01\0\0\0\x01", 8), "IDX type is 13"},
      {idx_of_bytes({2, 2}, "abc"), "3 bytes, expected 4 bytes"},
      {idx_of_bytes({2, 2}, "abcde"), "larger, expected 4 bytes"},
      {idx_of_bytes({1 << 30, 1 << 30, 1 << 30}, ""), "at most 4 GB"},
      {idx_of_bytes({1 << 30}, "abc"), "3 bytes, expected"}};
  for (const auto& [bytes, message] : wrong) {
    write_file(path_, bytes);
    const auto found = error_of([&] { read_idx(path_); });
    EXPECT_THAT(found, testing::StartsWith(path_.string() + ": "));
    EXPECT_THAT(found, HasSubstr(message));
  }
}

TEST_F(Archives, DamagedIdxNeverCrashes) {
  const auto bytes = idx_of_bytes({3, 4, 5}, std::string(60, 'p'));
  EXPECT_GT(read_damaged(bytes, path_, 1000, [&] { read_idx(path_); }), 300);
}

}  // namespace
}  // namespace tessera
