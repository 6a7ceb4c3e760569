#pragma once

#include <memory>
#include <span>
#include <vector>

#include "formats/safetensors.h"

namespace tessera {

/// A model's tensor as float32: mapped where the file holds float32, widened from half precision
/// elsewhere.
class FloatTensor {
 public:
  /// Throws FileError naming the tensor when it is missing, has another shape, or holds something
  /// else than numbers.
  FloatTensor(const SafetensorsFile& file, const std::string& name,
              const std::vector<std::int64_t>& shape);

  std::span<const float> values() const { return values_; }
  const float* data() const { return values_.data(); }
  /// Throws FileError naming the tensor unless every value is a finite number.
  void require_finite() const;
  /// The file's values will not be read again soon: their pages may leave memory.
  void forget() const;

 private:
  SafetensorsFile file_;  // keeps the mapping alive
  std::string name_;
  std::shared_ptr<const std::vector<float>> own_;  // where the file holds another type
  std::span<const float> values_;
};

/// Whether all of these are finite.
bool all_finite(std::span<const float> values);

}  // namespace tessera
