#pragma once

#include <nlohmann/json.hpp>

#include "samples/decode_options.h"

namespace tessera {

/// Tokens to images with the engine's decoder, in float32. Refuses tokens of another tokenizer.
nlohmann::json decode_with_engine(const DecodeOptions& options);

}  // namespace tessera
