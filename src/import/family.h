#pragma once

#include "import/checkpoint.h"

namespace tessera {

/// A family of published checkpoints.
struct Family {
  std::string name;     ///< of the command: "llamagen-vq"
  std::string purpose;  ///< "VQ tokenizers of LlamaGen's"
  /// Names of tensors that every checkpoint of this family has and no other family does.
  std::vector<std::string> signature;
  /// Names of tensors that tell nothing about the family but where its weights are.
  std::vector<std::string> common;
  /// Prefixes of tensors that are no weights of the model: they may be of any type and shape.
  std::vector<std::string> ignored;
};

extern const Family kLlamagenVq, kTamingVqgan, kLlamagenGpt, kVgg16, kLpipsHeads;

/// The weights of a family in a checkpoint, which must outlive this.
struct FoundWeights {
  const Checkpoint* checkpoint = nullptr;
  std::string table;    ///< path of the dictionary; "" is the outermost
  std::string prefix;   ///< of every weight's name: "module."; often empty
  StoredTensors named;  ///< by names without the prefix and without what torch.compile adds
};

/// Looks in every dictionary of the checkpoint (those that training scripts usually write first, an
/// average of the weights before the weights), with any prefix that the names share. `asked` names
/// the only dictionary to look in, unless it is empty. Throws FileError that names what was found
/// instead, and the families that are known.
FoundWeights find_weights(const Checkpoint& checkpoint, const Family& family,
                          const std::string& asked = "");

/// Whether any dictionary of the checkpoint holds weights of the family.
bool holds(const Checkpoint& checkpoint, const Family& family);

/// Says which prefix was stripped, if any, unless `quiet`; for results: {"table", "prefix"}.
nlohmann::json report_found(const FoundWeights& found, bool quiet);

}  // namespace tessera
