#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/dtype.h"

namespace tessera {

/// An array as a checkpoint stores it, borrowed: somebody else owns the bytes.
struct StoredTensor {
  DType type = DType::F32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< elements from one index to the next; none is negative
  std::span<const std::byte> bytes;   ///< from the first element; every element lies within

  std::int64_t size() const;  ///< elements
  bool contiguous() const;    ///< whether row-major order is the order in memory
};

/// Whether values of this type become float32.
bool is_floating(DType type);

/// The values in row-major order as float32: half precision is widened, double is rounded.
/// `tensor.type` is floating.
std::vector<float> float_values(const StoredTensor& tensor);

/// Named tensors, and those of a whole checkpoint by the dotted path of their dictionary.
using StoredTensors = std::map<std::string, StoredTensor>;

/// A named array whose bytes are made when their turn comes, so that a large file is written a
/// tensor at a time.
struct TensorToWrite {
  std::string name;
  DType type = DType::F32;
  std::vector<std::int64_t> shape;
  /// Returns the bytes (row-major), in `buffer` or elsewhere; valid until the next call.
  std::function<std::span<const std::byte>(std::vector<float>& buffer)> bytes;
};

}  // namespace tessera
