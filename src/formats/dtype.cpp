#include "formats/dtype.h"

#include <array>

#include "base/error.h"

namespace tessera {
namespace {

struct Entry {
  DType type;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Entry, 11> kTypes = {{{DType::BOOL, "BOOL", 1},
                                           {DType::U8, "U8", 1},
                                           {DType::I8, "I8", 1},
                                           {DType::U16, "U16", 2},
                                           {DType::I16, "I16", 2},
                                           {DType::F16, "F16", 2},
                                           {DType::BF16, "BF16", 2},
                                           {DType::I32, "I32", 4},
                                           {DType::F32, "F32", 4},
                                           {DType::F64, "F64", 8},
                                           {DType::I64, "I64", 8}}};

const Entry& entry_of(DType type) {
  const auto index = static_cast<std::size_t>(type);
  TESSERA_CHECK(index < kTypes.size() && kTypes[index].type == type);
  return kTypes[index];
}

}  // namespace

std::size_t size_of(DType type) { return entry_of(type).size; }

std::string name_of(DType type) { return std::string(entry_of(type).name); }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto& entry : kTypes)
    if (entry.name == name) return entry.type;
  return std::nullopt;
}

std::optional<std::size_t> bytes_needed(DType type, const std::vector<std::int64_t>& shape) {
  std::size_t bytes = size_of(type);
  for (const std::int64_t side : shape)
    if (side < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(side), &bytes))
      return std::nullopt;
  return bytes;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t side : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(side);
  return text + "]";
}

}  // namespace tessera
