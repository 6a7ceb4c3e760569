#include "formats/stored_tensor.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace tessera {
namespace {

float float_from_half(std::uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  if (exponent < 31) return sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return mantissa ? std::nanf("") : sign * HUGE_VALF;
}

template <typename T>
T load(const std::byte* bytes) {  // which need not be aligned
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

float value_at(DType type, const std::byte* bytes) {
  switch (type) {
    case DType::F32:
      return load<float>(bytes);
    case DType::F64:
      return static_cast<float>(load<double>(bytes));
    case DType::F16:
      return float_from_half(load<std::uint16_t>(bytes));
    default:
      TESSERA_CHECK(type == DType::BF16);
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(bytes)} << 16);
  }
}

}  // namespace

std::int64_t StoredTensor::size() const {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  return count;
}

bool StoredTensor::contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; expected *= shape[axis])
    if (shape[axis] > 1 && strides[axis] != expected) return false;
  return true;
}

bool is_floating(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::BF16 || type == DType::F64;
}

std::vector<float> float_values(const StoredTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  if (values.empty()) return values;
  if (tensor.type == DType::F32 && tensor.contiguous()) {
    std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(float));
    return values;
  }
  const auto width = static_cast<std::int64_t>(size_of(tensor.type));
  std::vector<std::int64_t> index(tensor.shape.size());
  std::int64_t place = 0;  // in elements
  for (auto& value : values) {
    value = value_at(tensor.type, tensor.bytes.data() + place * width);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      place += tensor.strides[axis];
      if (++index[axis] < tensor.shape[axis]) break;
      place -= tensor.strides[axis] * tensor.shape[axis];
      index[axis] = 0;
    }
  }
  return values;
}

}  // namespace tessera
