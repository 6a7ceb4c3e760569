#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"
#include "dataset/image_set.h"
#include "samples/decode_options.h"

namespace tessera {

struct EncodeOptions : RunOptions {
  std::string tokenizer;  ///< model folder
  std::vector<std::string> data;
  Split split = Split::all;
  std::string out;  ///< token file to write
  int crops =
      1;  ///< 1, or 10: four corners and the centre of a 1.1 times larger image, and their mirrors
  bool flip = false;   ///< with one crop: the mirrored image as a second one
  int limit = 0;       ///< this many images, evenly spread; 0 is all
  int image_size = 0;  ///< pixels per side; 0 is the tokenizer's recipe's
};

/// Images to a token file. Returns counts, code perplexity and the hash of the tokenizer.
nlohmann::json encode_images(const EncodeOptions& options);

/// Tokens to images. Refuses tokens of another tokenizer.
nlohmann::json decode_tokens(const DecodeOptions& options);

struct ReconstructOptions : RunOptions {
  std::string tokenizer;
  std::vector<std::string> data;
  Split split = Split::all;
  std::string out;  ///< PNG: each original beside its reconstruction
  int count = 32;
  int image_size = 0;  ///< pixels per side; 0 is the tokenizer's recipe's
};

nlohmann::json reconstruct_images(const ReconstructOptions& options);

}  // namespace tessera
