#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Element types, named as safetensors names them.
enum class DType { BOOL, U8, I8, U16, I16, F16, BF16, I32, F32, F64, I64 };

/// Bytes per element.
std::size_t size_of(DType type);
/// Safetensors' name ("F32").
std::string name_of(DType type);
/// The type that safetensors calls `name`, if it is one of ours.
std::optional<DType> dtype_from_name(std::string_view name);

/// Bytes that an array of this shape takes; nothing if a side is negative or the product overflows.
std::optional<std::size_t> bytes_needed(DType type, const std::vector<std::int64_t>& shape);
/// "[2, 3, 4]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace tessera
