#include "engine/model_weights.h"

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "engine/float_tensor.h"
#include "formats/mapped_file.h"

namespace tessera {

std::span<const float> WeightTensor::values(std::vector<float>& buffer) const {
  const auto found = read(buffer);
  if (!all_finite(found)) {
    std::size_t at = 0;
    while (std::isfinite(found[at])) ++at;
    throw FileError(path, "tensor '" + name + "': element " + std::to_string(at) + " is " +
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
  const FloatTensor tensor(file_, name, shape);
  const auto mapped = file_.at(name).bytes;
  return {file_.path(), name, [tensor](auto&) { return tensor.values(); },
          [tensor, mapped] { forget_pages(mapped); }};
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
  return {"random weights", name, [=, seed = seed_](std::vector<float>& buffer) {
            Rng rng(mix({seed, name_hash}));
            buffer.resize(count);
            for (float& value : buffer)
              value = offset + spread * static_cast<float>(2 * rng.uniform() - 1);
            return std::span<const float>(buffer);
          }};
}

}  // namespace tessera
