#pragma once

#include "models/generator_shape.h"
#include "models/model_config.h"

namespace tessera {

/// The shape that config.json of a generator's folder says. Throws FileError.
GeneratorShape shape_of(const ModelConfig& config, const fs::path& folder);

/// SHA-256 of the tokenizer whose tokens a generator has learnt. Throws FileError.
std::string tokenizer_hash_of(const ModelConfig& config, const fs::path& folder);

/// Throws FileError unless the file holds so many numbers: refused before anything of that size is
/// allocated.
void check_parameters(const SafetensorsFile& weights, std::int64_t expected);

/// Throws FileError unless the tokens in `path` are of the `expected` tokenizer.
void require_same_tokenizer(const std::string& found, const std::string& expected,
                            const fs::path& path);

}  // namespace tessera
