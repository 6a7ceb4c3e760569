#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct LikelihoodOptions : RunOptions {
  std::string generator;  ///< model folder
  std::string tokens;     ///< token file of the same tokenizer
};

/// Nats per token of every sequence in the file. Returns what `evaluate likelihood` prints.
nlohmann::json evaluate_likelihood(const LikelihoodOptions& options);

struct LogitsOptions : RunOptions {
  std::string generator;  ///< model folder
  std::string tokens;     ///< token file, or .npy of whole numbers [N, T]
  std::string classes;    ///< one for all or one per sequence (see parse_classes); empty: the token
                          ///< file's labels
  std::string out;        ///< .npy, float32 [N, T, V]
};

/// Teacher-forced logits: position t has read the class and the tokens before t. Always float32
/// arithmetic.
nlohmann::json write_logits(const LogitsOptions& options);

}  // namespace tessera
