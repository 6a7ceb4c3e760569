#include "formats/pytorch_writer.h"

#include "base/error.h"
#include "formats/pytorch_zip_writer.h"

namespace tessera {
namespace {

constexpr const char* kRoot = "archive/";

std::string storage_class(DType type) {
  switch (type) {
    case DType::F32:
      return "FloatStorage";
    case DType::F16:
      return "HalfStorage";
    case DType::BF16:
      return "BFloat16Storage";
    default:
      TESSERA_CHECK(type == DType::I64);
      return "LongStorage";
  }
}

// A pickle of protocol 2, operation by operation; see pytorch_pickle.cpp for their names.
class PickleWriter {
 public:
  PickleWriter() : bytes_("\x80\x02") {}

  PickleWriter& raw(const char* operations) {
    bytes_ += operations;
    return *this;
  }
  PickleWriter& text(const std::string& value) {
    bytes_ += 'X';
    little_endian(value.size(), 4);
    bytes_ += value;
    return *this;
  }
  PickleWriter& integer(std::int64_t value) {
    const bool narrow = value <= INT32_MAX;
    bytes_ += narrow ? "J" : "\x8a\x08";
    little_endian(static_cast<std::uint64_t>(value), narrow ? 4 : 8);
    return *this;
  }
  PickleWriter& integers(const std::vector<std::int64_t>& values) {
    bytes_ += '(';
    for (const auto value : values) integer(value);
    bytes_ += 't';
    return *this;
  }
  PickleWriter& global(const std::string& module, const std::string& name) {
    bytes_ += 'c' + module + '\n' + name + '\n';
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void little_endian(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> (8 * i));
  }
  std::string bytes_;
};

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * std::max<std::int64_t>(shape[axis], 1);
  return strides;
}

// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
void put_tensor(PickleWriter& pickle, const TensorToWrite& tensor, const std::string& key) {
  const auto elements = *bytes_needed(tensor.type, tensor.shape) / size_of(tensor.type);
  pickle.global("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage");
  pickle.global("torch", storage_class(tensor.type)).text(key).text("cpu");
  pickle.integer(static_cast<std::int64_t>(elements)).raw("tQ").integer(0);
  pickle.integers(tensor.shape).integers(row_major_strides(tensor.shape)).raw("\x89");
  pickle.global("collections", "OrderedDict").raw(")RtR");
}

std::string pickled(const std::string& table, const std::vector<TensorToWrite>& tensors) {
  PickleWriter pickle;
  pickle.raw("}").text(table).raw("}(");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    put_tensor(pickle.text(tensors[i].name), tensors[i], std::to_string(i));
  return pickle.raw("us.").bytes();
}

}  // namespace

void stream_pytorch(const fs::path& path, const std::string& table,
                    const std::vector<TensorToWrite>& tensors) {
  write_file(path, [&](std::ostream& stream) {
    ZipWriter zip(stream);
    const auto add = [&](const std::string& name, const std::string& bytes) {
      zip.add(kRoot + name, std::as_bytes(std::span(bytes)));
    };
    add("data.pkl", pickled(table, tensors));
    add("byteorder", "little");
    std::vector<float> buffer;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto bytes = tensors[i].bytes(buffer);
      TESSERA_CHECK(bytes.size() == bytes_needed(tensors[i].type, tensors[i].shape));
      zip.add(kRoot + ("data/" + std::to_string(i)), bytes);
    }
    add("version", "3\n");
    zip.finish();
  });
}

}  // namespace tessera
