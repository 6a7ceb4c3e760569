#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace tessera {

/// A tensor of float32 in a mapped file, checked for everything but its values.
struct MappedWeights {
  std::string name;
  fs::path path;
  std::span<const std::byte> bytes;

  /// The values, in place or, if the file has them at an odd address, in `buffer`. Throws FileError
  /// unless all are finite.
  std::span<const float> values(std::vector<float>& buffer) const;
  std::vector<float> copy() const;  ///< the same, to keep
};

/// The weights of a model folder, by name. Borrows the mapped file.
class ModelWeights {
 public:
  explicit ModelWeights(const SafetensorsFile& file) : file_(file) {}

  /// Throws FileError naming the tensor if it is missing, misshapen or not float32.
  MappedWeights at(const std::string& name, const std::vector<std::int64_t>& shape) const;

 private:
  const SafetensorsFile& file_;
};

}  // namespace tessera
