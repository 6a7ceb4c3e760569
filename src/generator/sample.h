#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/run_options.h"

namespace tessera {

struct SampleOptions : RunOptions {
  std::string pipeline;         ///< folder of both models; empty: the next two
  std::string generator;        ///< model folder
  std::string tokenizer;        ///< model folder of the tokenizer whose tokens the generator learnt
  std::string classes = "all";  ///< see parse_classes
  int count = 8;                ///< images per class
  int batch = 256;              ///< images at a time
  std::optional<double> cfg, temperature,
      top_p;  ///< what is absent comes from the generator's recipe
  std::optional<int> top_k;
  std::string cfg_schedule;  ///< see parse_guidance_schedule; empty: the generator's recipe's
  std::string out;           ///< PNG of a grid, a class after the other; empty: none
  std::string out_dir;       ///< folder for one folder of PNG files per class; empty: none
  std::string tokens_out;    ///< token file; empty: none
};

/// Draws images of each class. Returns counts, the settings of sampling, seconds and hashes. Throws
/// Error on bad input, such as a tokenizer that the generator does not know.
nlohmann::json sample_images(const SampleOptions& options);

struct CompleteOptions : SampleOptions {
  std::string image;  ///< PNG or JPEG; resized and cropped to the tokenizer's square
  int keep_rows = 0;  ///< rows of tokens kept, from the top; fewer than an image has
};

/// Draws images of each class that all begin with the top rows of one image. Writes and returns
/// what sample_images does; every row of the grid begins with the rows of pixels that were kept.
nlohmann::json complete_image(const CompleteOptions& options);

}  // namespace tessera
