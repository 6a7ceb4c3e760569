#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct ImageDecoderBenchOptions : RunOptions {
  int size = 256;                ///< pixels per side, a multiple of 16
  int batch = 8;                 ///< images of a run
  std::string weights = "bf16";  ///< or "float32"
  int runs = 5;                  ///< measured, after one image to warm up
};

/// Speed of VQ-16's decoder with random weights on random tokens: median and spread, useful
/// floating-point operations (those of the plain algorithm) and their share of what matrix products
/// in the cache reach in the same run (above 1 is possible: Upsampling saves a tenth of the
/// arithmetic). Throws Error when the first image is not the one that the other precision decodes.
nlohmann::json bench_image_decoder(const ImageDecoderBenchOptions& options);

}  // namespace tessera
