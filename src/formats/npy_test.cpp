#include "formats/npy.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

class Npy : public ::testing::Test {
 protected:
  // A file of the given version whose header says `dictionary`, and `data_bytes` zero bytes.
  static std::string file_bytes(char version, const std::string& dictionary,
                                std::size_t data_bytes) {
    std::string bytes = std::string("\x93NUMPY") + version + '\0';
    const auto length = static_cast<std::uint32_t>(dictionary.size());
    bytes.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
    return bytes + dictionary + std::string(data_bytes, '\0');
  }
  std::string problem_of(const std::string& bytes) {
    write_file(path_, bytes);
    return error_of([&] { NpyFile::open(path_); });
  }
  std::string problem_of_header(const std::string& dictionary, std::size_t data_bytes = 4) {
    return problem_of(file_bytes(1, dictionary, data_bytes));
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "array.npy";
};

TEST_F(Npy, WhatIsWrittenIsRead) {
  const std::vector<std::vector<std::int64_t>> shapes = {{}, {24}, {2, 3, 4}, {0, 3}};
  const std::vector<std::int64_t> values(24, -5);
  for (const auto type : {DType::F32, DType::U8, DType::I32, DType::I64, DType::U16, DType::F64})
    for (const auto& shape : shapes) {
      const auto bytes = std::as_bytes(std::span(values)).first(*bytes_needed(type, shape));
      write_npy(path_, type, shape, bytes);
      EXPECT_EQ((fs::file_size(path_) - bytes.size()) % 64, 0u);
      const auto npy = NpyFile::open(path_);
      EXPECT_EQ(npy.type(), type);
      EXPECT_EQ(npy.shape(), shape);
      ASSERT_EQ(npy.bytes().size(), bytes.size());
      EXPECT_EQ(std::memcmp(npy.bytes().data(), bytes.data(), bytes.size()), 0);
    }
}

TEST_F(Npy, EveryVersionIsRead) {
  for (const char version : {1, 2, 3}) {
    write_file(path_, file_bytes(version,
                                 "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }\n", 6));
    EXPECT_EQ(NpyFile::open(path_).shape(), (std::vector<std::int64_t>{3}));
  }
  EXPECT_THAT(problem_of(file_bytes(4, "{}", 0)), HasSubstr("version is 4"));
}

TEST_F(Npy, FieldsMayComeInAnyOrderAndSpacing) {
  EXPECT_EQ(problem_of_header(R"({"shape":(2,1),"fortran_order":False,"descr":"<i2"})"), "");
}

TEST_F(Npy, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(problem_of(""), HasSubstr("array.npy: is not .npy"));
  EXPECT_THAT(problem_of("PK\3\4 a zip file"), HasSubstr("is not .npy"));
  EXPECT_THAT(problem_of(std::string("\x93NUMPY\1\0\xff\xff{}", 12)), HasSubstr("header length"));
  EXPECT_THAT(problem_of_header("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("descr is \">f4\""));
  EXPECT_THAT(problem_of_header("{'descr': '', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("malformed"));
  EXPECT_THAT(problem_of_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("descr is \"|O\""));
  EXPECT_THAT(problem_of_header("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("record type"));
  EXPECT_THAT(problem_of_header("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}"),
              HasSubstr("Fortran order"));
  EXPECT_THAT(problem_of_header("{'descr': '<f4', 'fortran_order': False}"),
              HasSubstr("malformed"));
  EXPECT_THAT(problem_of_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
              HasSubstr("malformed"));
}

TEST_F(Npy, DataMustBeAsLongAsTheShapeSays) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  EXPECT_THAT(problem_of_header(header, 23),
              HasSubstr("data is 23 bytes, expected 24 for F32 [2, 3]"));
  EXPECT_THAT(problem_of_header(header, 25), HasSubstr("data is 25 bytes"));
  EXPECT_THAT(problem_of_header("{'descr': '<f4', 'fortran_order': False, 'shape': "
                                "(4611686018427387904, 4)}",
                                0),
              HasSubstr("more than memory"));
}

TEST_F(Npy, DamagedFilesNeverCrash) {
  const std::vector<float> values(12, 1.0f);
  write_npy(path_, DType::F32, {3, 4}, std::as_bytes(std::span(values)));
  const auto refused = read_damaged(read_file(path_), path_, 3000, [&] {
    const auto npy = NpyFile::open(path_);
    ASSERT_EQ(bytes_needed(npy.type(), npy.shape()), npy.bytes().size());
  });
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tessera
