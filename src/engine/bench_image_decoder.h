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
/// floating-point operations (those of the plain algorithm, of which Upsampling saves a tenth) and
/// their share of what products in registers reach in the same run. Throws Error when the first
/// image is not the one that the other precision decodes.
nlohmann::json bench_image_decoder(const ImageDecoderBenchOptions& options);

}  // namespace tessera
