#pragma once

#include <memory>

#include "base/files.h"
#include "formats/dtype.h"
#include "formats/mapped_file.h"

namespace tessera {

/// NumPy's .npy, versions 1 to 3, mapped into memory: little-endian numbers in C order. Copies
/// share the mapping.
class NpyFile {
 public:
  /// Throws FileError naming what is wrong: not .npy, truncated, big-endian, Fortran order, a type
  /// that is no number.
  static NpyFile open(const fs::path& path);

  const fs::path& path() const { return path_; }
  DType type() const { return type_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  /// Row-major, of exactly the size that type and shape say; valid while this object (or a copy)
  /// lives.
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  fs::path path_;
  std::shared_ptr<const MappedFile> file_;
  DType type_ = DType::F32;
  std::vector<std::int64_t> shape_;
  std::span<const std::byte> bytes_;
};

/// Writes the array whole or not at all (see write_file). BF16 is no type of NumPy's.
void write_npy(const fs::path& path, DType type, const std::vector<std::int64_t>& shape,
               std::span<const std::byte> bytes);

}  // namespace tessera
