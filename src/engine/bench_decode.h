#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct DecodeBenchOptions : RunOptions {
  std::string preset = "B";      ///< B, L, XL, XXL or 3B
  std::string weights = "bf16";  ///< float32, bf16, int8 or int4
  std::string cache = "auto";    ///< float32, bf16, int8; auto: float32 with float32, else bf16
  int rows = 2;                  ///< sequences stepped together; one image with guidance is 2
  int steps = 64;                ///< measured, spread evenly over the positions of an image
};

/// Speed of a transformer's steps with random weights, LlamaGen's shapes (16,384 tokens, 256
/// positions), beside the machine's limits measured in the same run: reading memory, and the
/// products of this type in registers. Checks the logits first: equal rows of different batches,
/// finite, and near those of float32 weights. Throws Error if that fails.
nlohmann::json bench_decode(const DecodeBenchOptions& options);

}  // namespace tessera
