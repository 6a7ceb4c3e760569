#pragma once

#include <memory>

#include "base/files.h"
#include "formats/mapped_file.h"
#include "formats/stored_tensor.h"

namespace tessera {

/// A checkpoint written by PyTorch's torch.save, mapped into memory: the zip form (since 1.6) and
/// the one before it. Nothing in it is executed; docs/formats/pytorch.md says what is understood.
class PytorchFile {
 public:
  /// Whether the bytes begin as one of the two forms does.
  static bool looks_like_one(std::span<const std::byte> bytes);
  /// Throws FileError naming what is wrong: not a checkpoint, truncated, big-endian, a tensor that
  /// does not fit its storage.
  static PytorchFile open(const fs::path& path);

  const fs::path& path() const { return path_; }
  /// The tensors of each dictionary by the dictionary's path: those of {"model": {"w": ..}} are at
  /// "model", those of the outermost dictionary at "". Valid while this object (or a copy) lives.
  const std::map<std::string, StoredTensors>& tables() const { return tables_; }

 private:
  fs::path path_;
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, StoredTensors> tables_;
};

}  // namespace tessera
