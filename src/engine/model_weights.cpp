#include "engine/model_weights.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "formats/mapped_file.h"

namespace tessera {
namespace {

// Without a way out of the loop, so that it runs in vectors.
bool all_finite(std::span<const float> values) {
  int infinite = 0;
  for (const float value : values)
    infinite |= !(std::fabs(value) <= std::numeric_limits<float>::max());
  return infinite == 0;
}

std::span<const float> mapped_floats(std::span<const std::byte> bytes, std::vector<float>& buffer) {
  const std::size_t count = bytes.size() / sizeof(float);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0)
    return {reinterpret_cast<const float*>(bytes.data()), count};
  buffer.resize(count);
  std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

}  // namespace

std::span<const float> WeightTensor::values(std::vector<float>& buffer) const {
  const auto found = read(buffer);
  if (!all_finite(found)) {
    std::size_t at = 0;
    while (std::isfinite(found[at])) ++at;
    throw Error(name + ": element " + std::to_string(at) + " is " +
                (std::isnan(found[at]) ? "not a number" : "infinite"));
  }
  return found;
}

std::vector<float> WeightTensor::copy() const {
  std::vector<float> buffer;
  const auto found = values(buffer);
  return {found.begin(), found.end()};
}

WeightTensor FileWeights::at(const std::string& name, const TensorShape& shape) const {
  const std::string tensor_name = "tensor '" + name + "'";
  if (!file_.contains(name)) throw FileError(file_.path(), tensor_name + " is missing");
  const auto& tensor = file_.at(name);
  if (tensor.type != DType::F32)
    throw FileError(file_.path(), tensor_name, name_of(tensor.type), "F32");
  if (tensor.shape != shape)
    throw FileError(file_.path(), tensor_name, shape_text(tensor.shape), shape_text(shape));
  const auto bytes = tensor.bytes;
  return {file_.path().string() + ": " + tensor_name,
          [bytes, file = file_](auto& buffer) { return mapped_floats(bytes, buffer); },
          [bytes, file = file_] { forget_pages(bytes); }};
}

WeightTensor RandomWeights::at(const std::string& name, const TensorShape& shape) const {
  constexpr float kVariation = 0.1f;  // of norms and biases
  std::uint64_t name_hash = 0;
  for (const char letter : name) name_hash = mix({name_hash, static_cast<std::uint64_t>(letter)});
  const auto count = static_cast<std::size_t>(
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  const bool matrix = shape.size() > 1;
  const float offset = !matrix && name.ends_with("weight") ? 1 : 0;
  const auto fan_in = static_cast<float>(count) / static_cast<float>(shape.front());
  // Uniform in (-spread, spread) has variance spread^2 / 3.
  const float spread = matrix ? std::sqrt(3 / fan_in) : kVariation;
  return {"random tensor '" + name + "'", [=, seed = seed_](std::vector<float>& buffer) {
            Rng rng(mix({seed, name_hash}));
            buffer.resize(count);
            for (float& value : buffer)
              value = offset + spread * static_cast<float>(2 * rng.uniform() - 1);
            return std::span<const float>(buffer);
          }};
}

}  // namespace tessera
