#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace tessera {

using TensorShape = std::vector<std::int64_t>;

/// A tensor of float32 whose values are read when their turn comes.
struct WeightTensor {
  std::string name;  ///< with the file, for messages
  /// Returns the values, in `buffer` or elsewhere.
  std::function<std::span<const float>(std::vector<float>& buffer)> read;
  /// Called when they have been packed and will not be read again.
  std::function<void()> forget = [] {};

  /// What `read` returns. Throws Error unless all of it is finite.
  std::span<const float> values(std::vector<float>& buffer) const;
  std::vector<float> copy() const;  ///< the same, to keep
};

/// Where a model's weights come from, by name.
class ModelWeights {
 public:
  virtual ~ModelWeights() = default;
  /// Throws Error naming the tensor if it is missing, misshapen or not float32.
  virtual WeightTensor at(const std::string& name, const TensorShape& shape) const = 0;
};

/// Those of a model folder. Its file stays mapped as long as a tensor is kept.
class FileWeights : public ModelWeights {
 public:
  explicit FileWeights(SafetensorsFile file) : file_(std::move(file)) {}
  WeightTensor at(const std::string& name, const TensorShape& shape) const override;

 private:
  SafetensorsFile file_;
};

/// Random ones, for benchmarks and tests: of a size that keeps activations near 1 in a network with
/// norms. A tensor depends on the seed and its name alone.
class RandomWeights : public ModelWeights {
 public:
  explicit RandomWeights(std::uint64_t seed) : seed_(seed) {}
  WeightTensor at(const std::string& name, const TensorShape& shape) const override;

 private:
  std::uint64_t seed_;
};

}  // namespace tessera
