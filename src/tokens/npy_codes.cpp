#include "tokens/npy_codes.h"

#include <cstring>

#include "base/error.h"
#include "formats/npy.h"

namespace tessera {
namespace {

template <typename T>
void read_values(const NpyFile& file, int codebook_size, std::vector<std::int64_t>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, file.bytes().data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<std::int64_t>(value);
    if (values[i] < 0 || values[i] >= codebook_size)
      throw FileError(file.path(), "code " + std::to_string(i), std::to_string(value),
                      "0 to " + std::to_string(codebook_size - 1));
  }
}

}  // namespace

NpyCodes read_npy_codes(const fs::path& path, int codebook_size) {
  const auto file = NpyFile::open(path);
  if (file.shape().size() != 2) throw FileError(path, "shape", shape_text(file.shape()), "[N, T]");
  NpyCodes codes{file.shape()[0], file.shape()[1], {}};
  codes.values.resize(file.bytes().size() / size_of(file.type()));
  switch (file.type()) {
    case DType::U8:
      read_values<std::uint8_t>(file, codebook_size, codes.values);
      break;
    case DType::U16:
      read_values<std::uint16_t>(file, codebook_size, codes.values);
      break;
    case DType::I32:
      read_values<std::int32_t>(file, codebook_size, codes.values);
      break;
    case DType::I64:
      read_values<std::int64_t>(file, codebook_size, codes.values);
      break;
    default:
      throw FileError(path, "type", name_of(file.type()), "whole numbers");
  }
  return codes;
}

}  // namespace tessera
