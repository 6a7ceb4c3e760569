#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct QuantizeOptions : RunOptions {
  std::string generator;         ///< model folder with float weights
  std::string weights = "int8";  ///< bf16, int8 or int4 (or float32, packed only)
  std::string out;               ///< model folder to write
  std::string tokens;            ///< token file of held-out images; empty: nothing is measured
  int images = 256;              ///< of it that are measured, at most
};

/// Packs a generator's matrices once and for all (docs/formats/packed.md) and, given tokens,
/// measures what that costs: nats per token beside float32. Returns bytes, `nats_per_token` of both
/// and their difference. Throws Error on bad input; nothing is written then.
nlohmann::json quantize_generator(const QuantizeOptions& options);

}  // namespace tessera
