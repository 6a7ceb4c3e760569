#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;

// A file with this header and `data_bytes` zero bytes of data.
std::string file_bytes(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return bytes + header + std::string(data_bytes, '\0');
}

class Safetensors : public ::testing::Test {
 protected:
  std::string problem_of(const std::string& bytes) {
    write_file(path_, bytes);
    return error_of([&] { SafetensorsFile::open(path_); });
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.safetensors";
};

TEST_F(Safetensors, WhatIsWrittenIsRead) {
  const std::vector<float> weights = {1, -2, 3.5f, 0, 1e-30f, 7};
  const std::vector<std::uint8_t> mask = {1, 0, 1};
  write_safetensors(path_,
                    {{"z.weight", DType::F32, {2, 3}, std::as_bytes(std::span(weights))},
                     {"a.mask", DType::BOOL, {3}, std::as_bytes(std::span(mask))},
                     {"scalar", DType::F32, {}, std::as_bytes(std::span(weights).first(1))},
                     {"empty", DType::I64, {0, 5}, {}}},
                    {{"format", "test/1"}, {"note", "line\n\"two\""}});
  const auto file = SafetensorsFile::open(path_);
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].name, "z.weight");
  EXPECT_EQ(file.tensors()[1].name, "a.mask");
  const auto& tensor = file.at("z.weight");
  EXPECT_EQ(tensor.type, DType::F32);
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(tensor.bytes.data(), weights.data(), 24), 0);
  EXPECT_TRUE(file.at("scalar").shape.empty());
  EXPECT_TRUE(file.at("empty").bytes.empty());
  EXPECT_EQ(file.metadata_at("note"), "line\n\"two\"");
  EXPECT_FALSE(file.contains("mask"));
}

TEST_F(Safetensors, DataBeginsAtAMultipleOf64Bytes) {
  const std::vector<float> weights(5, 1.0f);
  for (const std::string name : {"a", "abcdefghijklm", "abcdefghijklmnopqrstuvwxyz0123456789"}) {
    write_safetensors(path_, {{name, DType::F32, {5}, std::as_bytes(std::span(weights))}}, {});
    EXPECT_EQ((fs::file_size(path_) - 20) % 64, 0u);
    EXPECT_EQ(SafetensorsFile::open(path_).at(name).bytes.size(), 20u);
  }
}

TEST_F(Safetensors, ACopyKeepsTheBytesMapped) {
  const std::vector<float> weights = {4, 5};
  write_safetensors(path_, {{"w", DType::F32, {2}, std::as_bytes(std::span(weights))}}, {});
  std::optional<SafetensorsFile> first = SafetensorsFile::open(path_);
  const SafetensorsFile copy = *first;
  first.reset();
  fs::remove(path_);
  EXPECT_EQ(std::memcmp(copy.at("w").bytes.data(), weights.data(), 8), 0);
}

TEST_F(Safetensors, MissingNamesAreSaid) {
  write_safetensors(path_, {}, {{"format", "x"}});
  const auto file = SafetensorsFile::open(path_);
  EXPECT_THAT(error_of([&] { file.at("w"); }),
              HasSubstr("model.safetensors: holds no tensor \"w\""));
  EXPECT_THAT(error_of([&] { file.metadata_at("seed"); }), HasSubstr("no metadata \"seed\""));
}

TEST_F(Safetensors, WhatIsNoSafetensorsFileIsRefused) {
  EXPECT_THAT(error_of([&] { SafetensorsFile::open(folder_ / "none"); }),
              HasSubstr("does not exist"));
  EXPECT_THAT(error_of([&] { SafetensorsFile::open(path_.parent_path()); }),
              HasSubstr("not a file"));
  EXPECT_THAT(problem_of(""), HasSubstr("not a safetensors file"));
  EXPECT_THAT(problem_of("1234567"), HasSubstr("7 bytes"));
  EXPECT_THAT(problem_of(std::string(100, '\xff')), HasSubstr("header length"));
  EXPECT_THAT(problem_of(file_bytes("nonsense", 0)), HasSubstr("not JSON"));
  EXPECT_THAT(problem_of(file_bytes("[1]", 0)), HasSubstr("not an object"));
  EXPECT_THAT(problem_of(file_bytes(std::string(1 << 20, '['), 0)), HasSubstr("nests"));
  EXPECT_THAT(problem_of(file_bytes("{\"a\xff\": 1}", 0)), HasSubstr("not JSON"));
}

struct Malformed {
  const char* name;
  const char* header;
  std::size_t data_bytes;
  const char* message;
};

class MalformedSafetensors : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedSafetensors, IsRefusedByName) {
  const TemporaryFolder folder;
  const auto path = folder / "bad.safetensors";
  write_file(path, file_bytes(GetParam().header, GetParam().data_bytes));
  const auto message = error_of([&] { SafetensorsFile::open(path); });
  EXPECT_THAT(message, HasSubstr("bad.safetensors: "));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

// clang-format off
const Malformed kMalformed[] = {
    {"Truncated", R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 15, "truncated"},
    {"TrailingBytes", R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 17, "data is 17 bytes, expected 16"},
    {"Gap", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})", 5, "after a gap"},
    {"Overlap", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3, "inside another tensor"},
    {"SameBytesTwice", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2, "inside another tensor"},
    {"WrongSize", R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}})", 12, "is 12 bytes, expected 16 for F32 [4]"},
    {"ShapeOverflows", R"({"w":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}})", 0, "shape is [4294967296, 4294967296, 4]"},
    {"SideOverflows", R"({"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})", 0, "whole numbers"},
    {"NegativeSide", R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "whole numbers"},
    {"FractionalSide", R"({"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "whole numbers"},
    {"ShapeIsText", R"({"w":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", 4, "shape is \"1\""},
    {"UnknownType", R"({"w":{"dtype":"F9","shape":[1],"data_offsets":[0,4]}})", 4, "dtype is \"F9\""},
    {"TypeIsNumber", R"({"w":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})", 4, "dtype is 7"},
    {"NoType", R"({"w":{"shape":[1],"data_offsets":[0,4]}})", 4, "has no dtype"},
    {"NoShape", R"({"w":{"dtype":"U8","data_offsets":[0,4]}})", 4, "has no shape"},
    {"NoOffsets", R"({"w":{"dtype":"U8","shape":[4]}})", 4, "has no data_offsets"},
    {"OneOffset", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[4]}})", 4, "data_offsets is [4]"},
    {"OffsetsReversed", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 4, "data_offsets is [4, 0]"},
    {"EntryIsNumber", R"({"w":3})", 0, "has no dtype"},
    {"SameNameTwice", R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "\"w\" twice"},
    {"SameFieldTwice", R"({"w":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1, "\"dtype\" twice"},
    {"MetadataIsList", R"({"__metadata__":[]})", 0, "__metadata__ is []"},
    {"MetadataIsNumber", R"({"__metadata__":{"seed":3}})", 0, "metadata \"seed\" is 3"},
    {"NameWithNewline", R"({"a\nb":{"dtype":"U8","shape":[4]}})", 4, "\"a\\nb\" has no data_offsets"}};
// clang-format on

INSTANTIATE_TEST_SUITE_P(Cases, MalformedSafetensors, ::testing::ValuesIn(kMalformed),
                         [](const auto& test) { return test.param.name; });

TEST_F(Safetensors, DamagedFilesNeverCrash) {
  const std::vector<float> weights(64, 0.5f);
  const auto bytes = std::as_bytes(std::span(weights));
  write_safetensors(path_, {{"a", DType::F32, {8, 8}, bytes}, {"b", DType::I64, {4, 8}, bytes}},
                    {{"format", "x"}});
  const auto refused = read_damaged(read_file(path_), path_, 3000, [&] {
    const auto file = SafetensorsFile::open(path_);
    for (const auto& tensor : file.tensors())
      ASSERT_EQ(bytes_needed(tensor.type, tensor.shape), tensor.bytes.size());
  });
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tessera
