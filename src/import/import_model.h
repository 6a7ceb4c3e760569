#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"

namespace tessera {

struct ImportOptions : RunOptions {
  std::vector<std::string> files;  ///< checkpoints: PyTorch's or safetensors, by content
  std::string out;                 ///< model folder to write; holds no files yet
  std::string weights;             ///< "model" or "ema"; empty prefers ema for tokenizers
};

struct ImportVqOptions : ImportOptions {
  int image_size = 256;  ///< pixels per side of the images that `encode` and others cut
};

struct ImportGptOptions : ImportOptions {
  std::string tokenizer;       ///< model folder of the tokenizer whose tokens it draws
  std::string grid = "16x16";  ///< tokens: rows x columns
  int heads = 0;               ///< 0 is LlamaGen's: of 64 channels, in its 3B of 100
  std::string class_names;     ///< text file, a name per line; empty: "0", "1", ..
};

// Each writes a model folder, whole or not at all, and returns what it is: counts, shape, hashes.
// Throw FileError naming the tensor that is missing, unknown, misshapen or not finite.

/// LlamaGen's VQ tokenizers, of any size.
nlohmann::json import_llamagen_vq(const ImportVqOptions& options);
/// taming-transformers' VQGAN.
nlohmann::json import_taming_vqgan(const ImportVqOptions& options);
/// LlamaGen's class-conditional transformers, of any size.
nlohmann::json import_llamagen_gpt(const ImportGptOptions& options);
/// torchvision's VGG16 and LPIPS' heads for it, two files in any order.
nlohmann::json import_vgg16_lpips(const ImportOptions& options);

}  // namespace tessera
