#pragma once

#include <cstdint>
#include <vector>

#include "base/files.h"

namespace tessera {

/// Codes that some other program wrote: [rows, columns] in raster order.
struct NpyCodes {
  std::int64_t rows = 0, columns = 0;
  std::vector<std::int64_t> values;
};

/// Reads a .npy of whole numbers (uint8, uint16, int32 or int64) of shape [N, T]. Throws FileError
/// for another type or shape, or a code outside 0 .. codebook_size - 1.
NpyCodes read_npy_codes(const fs::path& path, int codebook_size);

}  // namespace tessera
