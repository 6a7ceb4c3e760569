// formats/ reads bytes that nobody vouches for: safetensors, npy, tar, IDX. No LibTorch, nothing
// executed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "formats/dtype.h"
#include "formats/stored_tensor.h"

namespace tessera {

/// A named array, borrowed: somebody else owns the bytes (row-major, little-endian).
struct TensorView {
  std::string name;
  DType type = DType::F32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A safetensors file mapped into memory. Every offset, shape and name has been checked.
class SafetensorsFile {
 public:
  /// Throws FileError naming what is wrong: not a safetensors file, truncated, overlapping, wrong
  /// size.
  static SafetensorsFile open(const fs::path& path);
  /// The same for a file of another program, which may hold types that Tessera does not read (F8,
  /// C64): their tensors are left out and listed in other_types().
  static SafetensorsFile open_foreign(const fs::path& path);

  const fs::path& path() const;
  const std::map<std::string, std::string>& metadata() const;
  /// In file order; valid while this object (or a copy) lives.
  const std::vector<TensorView>& tensors() const;
  /// The types of the tensors that open_foreign left out, by name.
  const std::map<std::string, std::string>& other_types() const;
  bool contains(const std::string& name) const;
  /// Throws FileError if there is no such tensor.
  const TensorView& at(const std::string& name) const;
  /// A metadata value; FileError if it is missing.
  const std::string& metadata_at(const std::string& key) const;

 private:
  struct Impl;
  static SafetensorsFile open(const fs::path& path, bool foreign);
  std::shared_ptr<const Impl> impl_;
};

/// Writes the file whole or not at all (see write_file).
void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// The same, making and writing one tensor at a time.
void stream_safetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata);

}  // namespace tessera
