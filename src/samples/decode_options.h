#pragma once

#include <string>

#include "base/run_options.h"

namespace tessera {

struct DecodeOptions : RunOptions {
  std::string tokenizer;  ///< model folder
  std::string tokens;     ///< token file, or .npy of whole numbers [N, T]
  std::string out;        ///< folder for PNG files, or .npy file if `raw`
  bool raw = false;       ///< float32 [N, 3, H, W], not clamped
};

}  // namespace tessera
