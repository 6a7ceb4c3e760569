#include "formats/pytorch_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "base/testing.h"
#include "formats/pytorch_pickle.h"
#include "formats/pytorch_writer.h"
#include "formats/pytorch_zip_writer.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

// --- a pickle assembler: each returns the operations that push a value

std::string little_endian(std::uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i, value >>= 8) bytes += static_cast<char>(value);
  return bytes;
}
std::string text(const std::string& value) { return "X" + little_endian(value.size(), 4) + value; }
std::string number(std::int64_t value) {
  return "\x8a\x08" + little_endian(static_cast<std::uint64_t>(value), 8);
}
std::string tuple(const std::vector<std::string>& items) {
  std::string operations = "(";
  for (const auto& item : items) operations += item;
  return operations + "t";
}
std::string numbers(const Shape& values) {
  std::vector<std::string> items;
  for (const auto value : values) items.push_back(number(value));
  return tuple(items);
}
std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string call(const std::string& module, const std::string& name, const std::string& arguments) {
  return global(module, name) + arguments + "R";
}
std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string operations = "}(";
  for (const auto& [key, value] : entries) operations += text(key) + value;
  return operations + "u";
}
std::string storage(const std::string& type, std::int64_t elements, const std::string& key = "0") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(elements)}) +
         "Q";
}
std::string tensor(const std::string& from, std::int64_t offset, const Shape& shape,
                   const Shape& strides) {
  return call("torch._utils", "_rebuild_tensor_v2",
              tuple({from, number(offset), numbers(shape), numbers(strides), "\x89", "}"}));
}

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

using Entries = std::vector<std::pair<std::string, std::string>>;

void write_zip(const fs::path& path, const Entries& entries) {
  write_file(path, [&](std::ostream& stream) {
    ZipWriter zip(stream);
    for (const auto& [name, bytes] : entries) zip.add(name, std::as_bytes(std::span(bytes)));
    zip.finish();
  });
}

const std::vector<float> kSix = {0, 1, 2, 3, 4, 5};

class Pytorch : public ::testing::Test {
 protected:
  // A checkpoint in the zip form whose only storage, "0", holds `data`.
  void write_pickled(const std::string& operations, const std::string& data = bytes_of(kSix)) {
    write_zip(path_, {{"x/data.pkl", "\x80\x02" + operations + "."}, {"x/data/0", data}});
  }
  std::map<std::string, StoredTensors> tables_of(const std::string& operations) {
    write_pickled(operations);
    file_.emplace(PytorchFile::open(path_));
    return file_->tables();
  }
  std::string problem_of(const std::string& operations) {
    write_pickled(operations);
    return error_of([&] { PytorchFile::open(path_); });
  }
  std::string problem_with_tensor(std::int64_t offset, const Shape& shape, const Shape& strides) {
    return problem_of(dict({{"w", tensor(storage("FloatStorage", 6), offset, shape, strides)}}));
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.pt", golden_ = TESSERA_GOLDEN;
  std::optional<PytorchFile> file_;
};

// --- files that Python wrote

TEST_F(Pytorch, ReadsTheZipFormThatTorchWrites) {
  const auto file = PytorchFile::open(golden_ / "vq.pt");
  ASSERT_TRUE(file.tables().contains("model") && file.tables().contains("ema"));
  const auto& ema = file.tables().at("ema");
  const auto& codes = ema.at("quantize.embedding.weight");
  EXPECT_EQ(codes.type, DType::F16);
  EXPECT_EQ(codes.shape, (Shape{64, 8}));
  EXPECT_EQ(ema.at("encoder.conv_in.weight").shape, (Shape{32, 3, 3, 3}));
  EXPECT_THAT(float_values(file.tables().at("model").at("decoder.conv_out.bias")),
              ElementsAre(9, 9, 9));
}

TEST_F(Pytorch, BothFormsHoldTheSame) {
  const auto zip = PytorchFile::open(golden_ / "gpt.pt");
  const auto old = PytorchFile::open(golden_ / "gpt_flat_old.pt");
  const auto &left = zip.tables().at("model"), &right = old.tables().at("");
  ASSERT_EQ(left.size(), 7 * 3 + 4 + 1u);
  ASSERT_EQ(left.size(), right.size());
  for (const auto& [name, tensor] : left) {
    EXPECT_EQ(tensor.shape, right.at(name).shape) << name;
    EXPECT_EQ(float_values(tensor), float_values(right.at(name))) << name;
  }
  EXPECT_FALSE(left.at("output.weight").contiguous());
  EXPECT_TRUE(left.at("tok_embeddings.weight").contiguous());
}

TEST_F(Pytorch, ReadsTheOldFormWithHalfPrecision) {
  const auto file = PytorchFile::open(golden_ / "taming.ckpt");
  const auto& table = file.tables().at("state_dict");
  EXPECT_EQ(table.at("encoder.down.0.block.0.conv1.weight").type, DType::BF16);
  EXPECT_EQ(float_values(table.at("loss.discriminator.main.0.weight")),
            std::vector<float>(12, 1.0f));
}

// --- what is understood

TEST_F(Pytorch, ViewsAreGathered) {
  const auto from = storage("FloatStorage", 6);
  const auto tables = tables_of(dict({{"transposed", tensor(from, 0, {3, 2}, {1, 3})},
                                      {"column", tensor(from, 1, {2}, {3})},
                                      {"scalar", tensor(from, 5, {}, {})},
                                      {"empty", tensor(from, 6, {0, 4}, {4, 1})},
                                      {"wide", tensor(from, 2, {1, 3}, {INT64_MAX, 1})}}));
  const auto& table = tables.at("");
  EXPECT_THAT(float_values(table.at("transposed")), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(float_values(table.at("column")), ElementsAre(1, 4));
  EXPECT_THAT(float_values(table.at("scalar")), ElementsAre(5));
  EXPECT_THAT(float_values(table.at("empty")), ElementsAre());
  EXPECT_THAT(float_values(table.at("wide")), ElementsAre(2, 3, 4));
}

TEST_F(Pytorch, WrappersAndOldConstructorsAreUnderstood) {
  const auto from = storage("FloatStorage", 6);
  const auto plain = tensor(from, 0, {2}, {1});
  const auto untyped = storage("UntypedStorage", 24);
  const auto tables = tables_of(
      dict({{"parameter", call("torch._utils", "_rebuild_parameter", tuple({plain, "\x88", "}"}))},
            {"subclass",
             call("torch._tensor", "_rebuild_from_type_v2",
                  tuple({global("torch._utils", "_rebuild_tensor_v2"), global("torch", "Tensor"),
                         tuple({from, number(1), numbers({2}), numbers({1})}), "N"}))},
            {"first", call("torch._utils", "_rebuild_tensor",
                           tuple({from, number(2), numbers({2}), numbers({1})}))},
            {"third", call("torch._utils", "_rebuild_tensor_v3",
                           tuple({untyped, number(3), numbers({2}), numbers({1}), "\x89", "}",
                                  global("torch", "float32")}))},
            {"python2",
             call("collections", "OrderedDict", tuple({"](](" + text("w") + plain + "ee"}))}}));
  EXPECT_THAT(float_values(tables.at("").at("parameter")), ElementsAre(0, 1));
  EXPECT_THAT(float_values(tables.at("").at("subclass")), ElementsAre(1, 2));
  EXPECT_THAT(float_values(tables.at("").at("first")), ElementsAre(2, 3));
  EXPECT_THAT(float_values(tables.at("").at("third")), ElementsAre(3, 4));
  EXPECT_THAT(float_values(tables.at("python2").at("w")), ElementsAre(0, 1));
}

TEST_F(Pytorch, NothingIsExecutedAndUnknownClassesAreIgnored) {
  const auto good = tensor(storage("FloatStorage", 6), 0, {1}, {1});
  const auto tables = tables_of(
      dict({{"evil", call("os", "system", tuple({text("touch " + (folder_ / "owned").string())}))},
            {"namespace", global("argparse", "Namespace") + ")R}(" + text("lr") + "Ku" + "ub"},
            {"sparse", call("torch._utils", "_rebuild_sparse_tensor", tuple({good}))},
            {"complex", tensor(storage("ComplexFloatStorage", 6), 0, {1}, {1})},
            {"steps", number(3)},
            {"w", good}}));
  EXPECT_FALSE(fs::exists(folder_ / "owned"));
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables.at("").size(), 1u);
}

TEST_F(Pytorch, EveryProtocolIsRead) {
  const auto read = [&](const std::string& operations) {
    return Pickle::read(std::as_bytes(std::span(operations)), "p");
  };
  const auto value = [&](const std::string& operations) {
    const auto pickle = read(operations);
    return pickle[pickle.root()];
  };
  EXPECT_EQ(value("I42\n.").integer, 42);
  EXPECT_EQ(value("I01\n.").kind, PickleValue::Kind::boolean);
  EXPECT_EQ(value("L-7L\n.").integer, -7);
  EXPECT_EQ(value(std::string("\x8a\x02\x00\xff.", 5)).integer, -256);
  EXPECT_EQ(value(std::string("\x8a\x00.", 3)).integer, 0);
  EXPECT_EQ(value("F2.5\n.").real, 2.5);
  EXPECT_EQ(value(std::string("G\x40\x04\0\0\0\0\0\0.", 10)).real, 2.5);
  EXPECT_EQ(value("S'word'\n.").text, "word");
  EXPECT_EQ(value(std::string("\x80\x04\x95\x08\0\0\0\0\0\0\0\x8c\x04word\x94.", 19)).text, "word");
  const auto stack_global = read("\x8c\x05torch\x94\x8c\x04Size\x94\x93\x94.");
  EXPECT_EQ(stack_global.text(stack_global.root()), "torch Size");
  EXPECT_EQ(value("(lp0\nI1\naI2\na.").items.size(), 2u);
  EXPECT_EQ(value("(I1\nI2\nI3\nI4\nd.").items.size(), 4u);
  EXPECT_EQ(value("]q\x01h\x01"
                  "a.")
                .items.size(),
            1u);                           // a list that holds itself
  EXPECT_EQ(value("I1\n(0.").integer, 1);  // POP takes a mark away
}

// --- conversion

TEST_F(Pytorch, HalfPrecisionIsWidened) {
  const auto widened = [](DType type, std::uint16_t bits) {
    return float_values({type, {1}, {1}, std::as_bytes(std::span(&bits, 1))}).front();
  };
  EXPECT_EQ(widened(DType::F16, 0x3c00), 1.0f);
  EXPECT_EQ(widened(DType::F16, 0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(widened(DType::F16, 0x83ff), -1023 * std::ldexp(1.0f, -24));
  EXPECT_EQ(widened(DType::F16, 0xfbff), -65504.0f);
  EXPECT_TRUE(std::isinf(widened(DType::F16, 0x7c00)));
  EXPECT_TRUE(std::isnan(widened(DType::F16, 0x7e00)));
  EXPECT_EQ(widened(DType::BF16, 0xc049), -3.140625f);
  const double exact = 0.1;
  EXPECT_EQ(float_values({DType::F64, {}, {}, std::as_bytes(std::span(&exact, 1))}).front(), 0.1f);
}

// --- what we write

TEST_F(Pytorch, WhatIsWrittenIsRead) {
  const std::vector<float> values = {1, -2, 3.5f, 0, 1e-30f, 7};
  const auto as_bytes = [&](std::vector<float>&) { return std::as_bytes(std::span(values)); };
  stream_pytorch(path_, "model",
                 {{"a.weight", DType::F32, {2, 3}, as_bytes}, {"b", DType::F32, {6}, as_bytes}});
  const auto file = PytorchFile::open(path_);
  const auto& table = file.tables().at("model");
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.at("a.weight").shape, (Shape{2, 3}));
  EXPECT_TRUE(table.at("a.weight").contiguous());
  EXPECT_EQ(float_values(table.at("a.weight")), values);
  EXPECT_EQ(float_values(table.at("b")), values);
  const auto place = read_file(path_).find(bytes_of(values));
  EXPECT_EQ(place % 64, 0u);
}

// Beyond 4 GB sizes and places are in ZIP64 fields. The file has holes instead of data.
TEST_F(Pytorch, ReadsArchivesBeyondFourGigabytes) {
  constexpr std::uint64_t kBig = 5'000'000'000;  // bytes of the first storage
  const std::string pickled =
      "\x80\x02" +
      dict({{"big", tensor(storage("ByteStorage", kBig), kBig - 3, {3}, {1})},
            {"behind", tensor(storage("FloatStorage", 6, "1"), 0, {6}, {1})}}) +
      ".";
  struct Entry {
    std::string name;
    std::uint64_t size, place;
  };
  std::vector<Entry> entries;
  const int descriptor = ::open(path_.c_str(), O_CREAT | O_RDWR, 0600);
  std::uint64_t at = 0;
  const auto put = [&](const std::string& bytes) {
    ASSERT_EQ(::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at)),
              std::ssize(bytes));
    at += bytes.size();
  };
  const auto u = [](std::uint64_t value, int count) { return little_endian(value, count); };
  const auto add = [&](const std::string& name, std::uint64_t size, const std::string& bytes) {
    entries.push_back({name, size, at});
    put(u(0x04034b50, 4) + u(45, 2) + u(0, 2 + 2 + 4 + 4) + u(0xffffffff, 4) + u(0xffffffff, 4) +
        u(name.size(), 2) + u(0, 2) + name);
    const auto next = at + size;
    put(bytes);
    at = next;
  };
  add("x/data.pkl", pickled.size(), pickled);
  add("x/data/0", kBig, "");
  add("x/data/1", 24, bytes_of(kSix));
  const auto directory = at;
  for (const auto& entry : entries)
    put(u(0x02014b50, 4) + u(45, 2) + u(45, 2) + u(0, 2 + 2 + 4 + 4) + u(0xffffffff, 4) +
        u(0xffffffff, 4) + u(entry.name.size(), 2) + u(28, 2) + u(0, 2 + 2 + 2 + 4) +
        u(0xffffffff, 4) + entry.name + u(1, 2) + u(24, 2) + u(entry.size, 8) + u(entry.size, 8) +
        u(entry.place, 8));
  const auto end = at;
  put(u(0x06064b50, 4) + u(44, 8) + u(45, 2) + u(45, 2) + u(0, 8) + u(entries.size(), 8) +
      u(entries.size(), 8) + u(end - directory, 8) + u(directory, 8));
  put(u(0x07064b50, 4) + u(0, 4) + u(end, 8) + u(1, 4));
  put(u(0x06054b50, 4) + u(0, 4) + u(0xffff, 2) + u(0xffff, 2) + u(0xffffffff, 4) +
      u(0xffffffff, 4) + u(0, 2));
  ::close(descriptor);

  const auto file = PytorchFile::open(path_);
  EXPECT_EQ(file.tables().at("").at("big").bytes.size(), 3u);
  EXPECT_EQ(file.tables().at("").at("big").bytes[2], std::byte{0});
  EXPECT_EQ(float_values(file.tables().at("").at("behind")), kSix);
}

// --- what is refused

TEST_F(Pytorch, WhatIsNoCheckpointIsRefused) {
  const auto problem = [&](const std::string& bytes) {
    write_file(path_, bytes);
    return error_of([&] { PytorchFile::open(path_); });
  };
  EXPECT_THAT(error_of([&] { PytorchFile::open(folder_ / "none"); }), HasSubstr("does not exist"));
  EXPECT_THAT(problem(""), HasSubstr("model.pt: is no PyTorch checkpoint"));
  EXPECT_THAT(problem(std::string(1000, 'x')), HasSubstr("is no PyTorch checkpoint"));
  const auto whole = read_file(golden_ / "gpt.pt"), old = read_file(golden_ / "gpt_flat_old.pt");
  EXPECT_THAT(problem(whole.substr(0, whole.size() / 2)), HasSubstr("truncated"));
  EXPECT_THAT(problem(old.substr(0, old.size() - 1)), HasSubstr("truncated"));
  EXPECT_THAT(problem(old.substr(0, 100)), HasSubstr("ends too early"));
}

TEST_F(Pytorch, ArchivesOfAnotherKindAreRefusedByName) {
  const std::string pickled = "\x80\x02}.";
  const auto problem = [&](const Entries& entries) {
    write_zip(path_, entries);
    return error_of([&] { PytorchFile::open(path_); });
  };
  EXPECT_EQ(problem({{"x/data.pkl", pickled}}), "");
  EXPECT_THAT(problem({{"a.png", "?"}}), HasSubstr("without data.pkl"));
  EXPECT_THAT(problem({{"x/data.pkl", pickled}, {"x/byteorder", "big"}}),
              HasSubstr("byte order is big, expected little"));
  EXPECT_THAT(problem({{"x/data.pkl", pickled}, {"x/constants.pkl", pickled}}),
              HasSubstr("TorchScript"));
  EXPECT_THAT(problem({{"x/data.pkl", pickled}, {"x/data.pkl", pickled}}), HasSubstr("twice"));

  write_zip(path_, {{"x/data.pkl", pickled}});
  auto bytes = read_file(path_);
  const auto directory = bytes.find("PK\x01\x02");
  bytes[directory + 10] = 8;
  write_file(path_, bytes);
  EXPECT_THAT(error_of([&] { PytorchFile::open(path_); }), HasSubstr("compressed (method 8)"));
}

TEST_F(Pytorch, TensorsThatDoNotFitAreRefusedByName) {
  EXPECT_EQ(problem_with_tensor(0, {6}, {1}), "");
  EXPECT_THAT(problem_with_tensor(0, {7}, {1}), HasSubstr("tensor \"w\" [7]"));
  for (const auto& [offset, shape, strides] :
       std::vector<std::tuple<std::int64_t, Shape, Shape>>{{1, {6}, {1}},
                                                           {-1, {2}, {1}},
                                                           {0, {2}, {6}},
                                                           {0, {2, 2}, {1}},
                                                           {0, {-2}, {1}},
                                                           {0, {2}, {-1}},
                                                           {INT64_MAX, {2}, {1}},
                                                           {0, {2, INT64_MAX}, {1, INT64_MAX}},
                                                           {0, {INT64_MAX, 3}, {1, 1}}})
    EXPECT_THAT(problem_with_tensor(offset, shape, strides), HasSubstr("does not fit its storage"));
  EXPECT_THAT(problem_with_tensor(0, {1 << 30}, {0}), HasSubstr("repeats"));
  EXPECT_THAT(problem_with_tensor(0, {1L << 40, 1L << 40}, {0, 0}), HasSubstr("repeats"));
  EXPECT_THAT(problem_of(dict({{"w", tensor(storage("FloatStorage", 5), 0, {1}, {1})}})),
              HasSubstr("storage \"0\" is 24 bytes, expected 5 elements"));
  EXPECT_THAT(problem_of(dict({{"w", tensor(storage("FloatStorage", 6, "9"), 0, {1}, {1})}})),
              HasSubstr("holds no storage \"9\""));
}

TEST_F(Pytorch, HostilePicklesAreRefused) {
  for (const std::string operations : {"", "0.", "a.", "u.", "t", "h\x01", "}(K\x01u", "R",
                                       "\x82\x01", "\x97", "Ix\n", "c", "X\xff\xff\xff\xff"})
    EXPECT_THAT(problem_of(operations), HasSubstr("its pickle")) << operations;
  // Dictionaries within dictionaries, and one that holds another ten times, ten levels deep.
  std::string deep = "}", wide = "}";
  for (int level = 0; level < 50; ++level) deep = "}" + text("a") + deep + "s";
  for (int level = 0; level < 10; ++level) {
    std::string entries =
        "q\x01"
        "0}(";
    for (int key = 0; key < 10; ++key) entries += text(std::to_string(key)) + "h\x01";
    wide += entries + "u";
  }
  EXPECT_THAT(problem_of(deep), HasSubstr("nests"));
  EXPECT_THAT(problem_of(wide), HasSubstr("nests"));
  EXPECT_THAT(problem_of("}q\x01" + text("a") + "h\x01s"), HasSubstr("nests"));  // in itself
  EXPECT_THAT(problem_of(std::string(3'000'000, 'N')), HasSubstr("values"));
  // Depth costs no stack: tuples in tuples a million deep are read, and ignored.
  std::string tuples = ")";
  for (int level = 0; level < 1'000'000; ++level) tuples += "\x85";
  EXPECT_EQ(problem_of(tuples), "");
}

TEST_F(Pytorch, DamagedFilesNeverCrash) {
  const auto read = [&] {
    const auto file = PytorchFile::open(path_);
    for (const auto& [table, tensors] : file.tables())
      for (const auto& [name, tensor] : tensors)
        if (is_floating(tensor.type)) float_values(tensor);
  };
  const auto from = storage("FloatStorage", 6);
  write_pickled(dict({{"model", dict({{"a", tensor(from, 0, {2, 3}, {3, 1})},
                                      {"b", tensor(from, 0, {3, 2}, {1, 3})}})}}));
  EXPECT_GT(read_damaged(read_file(path_), path_, 3000, read), 800);
  // Of real files the pickles alone, which is where the first bytes are.
  for (const char* name : {"gpt.pt", "gpt_flat_old.pt", "vq.pt", "taming.ckpt"})
    EXPECT_GT(read_damaged(read_file(golden_ / name), path_, 200, read), 30) << name;
}

}  // namespace
}  // namespace tessera
