#pragma once

#include "import/family.h"

namespace tessera {

using Shape = std::vector<std::int64_t>;
/// What a model of ours holds, by our names.
using Shapes = std::map<std::string, Shape>;
/// What a checkpoint calls a tensor of ours.
using NameInFile = std::function<std::string(const std::string&)>;

/// The weights of a checkpoint, looked up by our names; errors say the file's.
class ForeignWeights {
 public:
  /// Tensors that the family ignores are left out. `found` must outlive this.
  ForeignWeights(const FoundWeights& found, const Family& family,
                 NameInFile name_in_file = std::identity());
  /// Tensors under our own names, of which nothing is left out. `table` must outlive this.
  ForeignWeights(fs::path path, const StoredTensors& table);

  const fs::path& path() const { return path_; }
  bool has(const std::string& name) const;
  /// Throws FileError naming the tensor if it is missing or has other than `rank` axes.
  const Shape& shape(const std::string& name, std::size_t rank) const;
  /// A side of a tensor of `rank` axes, 1 to 2^24; FileError naming the tensor otherwise.
  int side(const std::string& name, std::size_t rank, std::size_t axis) const;
  /// How many of name(0), name(1), .. there are.
  int count(const std::function<std::string(int)>& name) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& problem) const;

  /// All weights by our names, as float32, in the order of names. Throws FileError naming the
  /// tensor that is missing, misshapen, unknown or not of floating point; a value that is not
  /// finite is refused when it is read. The checkpoint must outlive the result.
  std::vector<TensorToWrite> matched(const Shapes& expected) const;

 private:
  const StoredTensor& at(const std::string& name) const;
  void refuse_unknown(const Shapes& expected) const;
  [[noreturn]] void refuse_stored(const std::string& name, const std::string& problem) const;

  fs::path path_;
  std::string prefix_;                              // of the names in the file, for errors
  std::map<std::string, std::string> other_types_;  // by name without the prefix
  NameInFile name_in_file_;
  std::map<std::string, const StoredTensor*> tensors_;  // by the file's names without the prefix
};

}  // namespace tessera
