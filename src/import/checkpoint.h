// import/ turns published checkpoints into model folders and back: what their tensors are called,
// what their shapes say.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "formats/pytorch_file.h"
#include "formats/safetensors.h"

namespace tessera {

/// A checkpoint of somebody else's: a PyTorch or safetensors file, told apart by its content. Its
/// tensors live as long as it (or a copy) does.
class Checkpoint {
 public:
  /// Throws FileError when it is neither, or damaged.
  static Checkpoint open(const fs::path& path);

  const fs::path& path() const { return path_; }
  /// The tensors of each dictionary by its path; "" is the outermost, which is always there.
  const std::map<std::string, StoredTensors>& tables() const { return tables_; }
  /// Names of tensors of a type that Tessera does not read, with the type. They are in no table.
  const std::map<std::string, std::string>& other_types() const { return other_types_; }
  /// {"file": its name, "sha256": ..}
  nlohmann::json source() const;

 private:
  fs::path path_;
  std::optional<PytorchFile> pytorch_;
  std::optional<SafetensorsFile> safetensors_;
  std::map<std::string, StoredTensors> tables_;
  std::map<std::string, std::string> other_types_;
};

}  // namespace tessera
