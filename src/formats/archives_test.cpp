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

TEST_F(Archives, CompressedTarIsRefusedByTheNameOfItsCompression) {
  for (const auto& [filter, words] :
       {std::pair{ARCHIVE_FILTER_GZIP, "compressed with gzip, expected a plain one"},
        {ARCHIVE_FILTER_XZ, "decompress it with unxz"}}) {
    write_tar(path_, files_, filter);
    EXPECT_THAT(error_of([&] { TarFile{path_}; }), HasSubstr(words));
  }
}

TEST_F(Archives, BytesAfterTheEndMarkAreCounted) {
  write_tar(path_, files_);
  const auto bytes = read_file(path_);
  EXPECT_EQ(TarFile(path_).bytes_after_end(), 0u);
  write_file(path_, bytes + std::string(5000, '\0') + "junk");
  const TarFile tar(path_);
  EXPECT_EQ(tar.bytes_after_end(), 4u);
  EXPECT_EQ(tar.entries().size(), files_.size());
  EXPECT_EQ(tar.read(tar.entries()[0]), "first");
}

std::vector<std::pair<std::string, std::string>> contents(const TarFile& tar) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& entry : tar.entries()) found.emplace_back(entry.name, tar.read(entry));
  return found;
}

TEST_F(Archives, LinksAreResolvedInsideTheTar) {
  write_tar_members(path_, {{"./a/0", "zero"},
                            {"b/0", "a/0", TestMember::hard_link},
                            {"c/0", "../a/0", TestMember::symbolic_link},
                            {"d/0", "../c/0", TestMember::symbolic_link},
                            {"late", "e/1", TestMember::symbolic_link},
                            {"e/1", "one"},
                            {"f", "e", TestMember::symbolic_link},
                            {"g/1", "../f/1", TestMember::symbolic_link},
                            {"empty", "", TestMember::folder}});
  const TarFile tar(path_);
  EXPECT_THAT(contents(tar),
              testing::ElementsAre(testing::Pair("./a/0", "zero"), testing::Pair("b/0", "zero"),
                                   testing::Pair("c/0", "zero"), testing::Pair("d/0", "zero"),
                                   testing::Pair("late", "one"), testing::Pair("e/1", "one"),
                                   testing::Pair("f/1", "one"), testing::Pair("g/1", "one")));
  EXPECT_TRUE(tar.unread().empty());
  EXPECT_THAT(tar.folders(), testing::ElementsAre(HasSubstr("empty")));
}

TEST_F(Archives, LinksOutOfTheTarAreNamedAndNotRead) {
  const std::vector<TestMember> links = {{"a", "/etc/passwd", TestMember::symbolic_link},
                                         {"b/c", "../../x", TestMember::symbolic_link},
                                         {"d", "missing", TestMember::hard_link},
                                         {"e", "f", TestMember::symbolic_link},
                                         {"f", "e", TestMember::symbolic_link},
                                         {"x/up", "..", TestMember::symbolic_link},
                                         {"x/self", ".", TestMember::symbolic_link},
                                         {"x/g", "../x", TestMember::symbolic_link}};
  auto members = links;
  members.push_back({"x/0", "zero"});
  write_tar_members(path_, members);
  const TarFile tar(path_);
  EXPECT_THAT(contents(tar), testing::ElementsAre(testing::Pair("x/0", "zero")));
  EXPECT_EQ(tar.unread().size(), links.size());
  EXPECT_EQ(tar.unread()[1], "b/c -> ../../x");
}

TEST_F(Archives, LinksThatMultiplyAreRefused) {
  std::vector<TestMember> members;
  for (int i = 0; i < 4000; ++i) members.push_back({"a/" + std::to_string(i), ""});
  for (int i = 0; i < 4000; ++i)
    members.push_back({"b/" + std::to_string(i), "../a", TestMember::symbolic_link});
  write_tar_members(path_, members);
  EXPECT_THAT(error_of([&] { TarFile{path_}; }), HasSubstr("more than a million files"));
}

TEST_F(Archives, NamesOfAnyBytesStayAsTheyAre) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"\xff/0", "a"}, {"\xfe/0", "b"}, {"\xc3\xa4/0", "c"}, {"new\nline/0", "d"}};
  write_tar(path_, files);
  EXPECT_EQ(contents(TarFile(path_)), files);
}

TEST_F(Archives, DamagedTarNeverCrashes) {
  write_tar_members(path_, {{"dog/1.png", "first"},
                            {"cat/2.png", "second"},
                            {"cow/3.png", "../cat/2.png", TestMember::symbolic_link},
                            {"pig/4.png", "cat/2.png", TestMember::hard_link}});
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
