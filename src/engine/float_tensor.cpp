#include "engine/float_tensor.h"

#include <cmath>

#include "base/error.h"
#include "formats/mapped_file.h"

namespace tessera {

FloatTensor::FloatTensor(const SafetensorsFile& file, const std::string& name,
                         const std::vector<std::int64_t>& shape)
    : file_(file), name_(name) {
  const auto& tensor = file.at(name);
  if (tensor.shape != shape)
    throw FileError(file.path(), "tensor '" + name + "'", shape_text(tensor.shape),
                    shape_text(shape));
  if (!is_floating(tensor.type))
    throw FileError(file.path(), "tensor '" + name + "'", name_of(tensor.type),
                    "floating-point numbers");
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
  if (tensor.type == DType::F32 && address % alignof(float) == 0) {
    values_ = {reinterpret_cast<const float*>(tensor.bytes.data()),
               tensor.bytes.size() / sizeof(float)};
    return;
  }
  StoredTensor stored{.type = tensor.type, .shape = shape, .bytes = tensor.bytes};
  stored.strides.assign(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;)
    stored.strides[axis - 1] = stored.strides[axis] * shape[axis];
  own_ = std::make_shared<const std::vector<float>>(float_values(stored));
  values_ = *own_;
}

void FloatTensor::require_finite() const {
  if (!all_finite(values_))
    throw FileError(file_.path(), "tensor '" + name_ + "' holds a value that is not finite");
}

void FloatTensor::forget() const { forget_pages(file_.at(name_).bytes); }

bool all_finite(std::span<const float> values) {
  // Anything finite times zero is zero, anything else is not a number: no branch for each value.
  constexpr std::size_t kLanes = 16;
  float wrong[kLanes] = {};
  std::size_t at = 0;
  for (; at + kLanes <= values.size(); at += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) wrong[lane] += values[at + lane] * 0;
  for (; at < values.size(); ++at) wrong[0] += values[at] * 0;
  for (const float sum : wrong)
    if (!(sum == 0)) return false;
  return true;
}

}  // namespace tessera
