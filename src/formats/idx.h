#pragma once

#include <cstdint>
#include <vector>

#include "base/files.h"

namespace tessera {

/// An array of bytes as MNIST's files hold it.
struct IdxArray {
  std::vector<std::int64_t> shape;
  std::string bytes;  ///< row-major, exactly of the shape's size
};

/// Reads an IDX file of unsigned bytes, plain or compressed. Throws FileError when it is no IDX
/// file, of another type, shorter or longer than its header says, or beyond 4 GB.
IdxArray read_idx(const fs::path& path);

}  // namespace tessera
