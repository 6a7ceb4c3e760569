#include "engine/model_weights.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace tessera {
namespace {

// Without a way out of the loop, so that it runs in vectors.
bool all_finite(std::span<const float> values) {
  int infinite = 0;
  for (const float value : values)
    infinite |= !(std::fabs(value) <= std::numeric_limits<float>::max());
  return infinite == 0;
}

}  // namespace

std::span<const float> MappedWeights::values(std::vector<float>& buffer) const {
  const std::size_t count = bytes.size() / sizeof(float);
  std::span<const float> values(reinterpret_cast<const float*>(bytes.data()), count);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) != 0) {
    buffer.resize(count);
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    values = buffer;
  }
  if (!all_finite(values)) {
    std::size_t at = 0;
    while (std::isfinite(values[at])) ++at;
    throw FileError(path, "tensor '" + name + "': element " + std::to_string(at) + " is " +
                              (std::isnan(values[at]) ? "not a number" : "infinite"));
  }
  return values;
}

std::vector<float> MappedWeights::copy() const {
  std::vector<float> buffer;
  const auto found = values(buffer);
  return {found.begin(), found.end()};
}

MappedWeights ModelWeights::at(const std::string& name,
                               const std::vector<std::int64_t>& shape) const {
  if (!file_.contains(name)) throw FileError(file_.path(), "tensor '" + name + "' is missing");
  const auto& tensor = file_.at(name);
  if (tensor.type != DType::F32)
    throw FileError(file_.path(), "tensor '" + name + "'", name_of(tensor.type), "F32");
  if (tensor.shape != shape)
    throw FileError(file_.path(), "tensor '" + name + "'", shape_text(tensor.shape),
                    shape_text(shape));
  return {name, file_.path(), tensor.bytes};
}

}  // namespace tessera
