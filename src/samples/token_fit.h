#pragma once

#include <string>
#include <vector>

#include "models/generator_shape.h"
#include "tokens/token_file.h"

namespace tessera {

/// The shape of a generator that learns a file's tokens.
GeneratorShape shape_of(const TokenFile& tokens);

/// Throws FileError unless a generator of this shape, which has learnt this tokenizer's tokens, can
/// read the file: it holds tokens, of that tokenizer, codebook and grid.
void require_fit(const TokenFile& tokens, const GeneratorShape& shape,
                 const std::string& tokenizer_hash);

/// Throws FileError unless the file's labels mean the generator's classes: the same names, or as
/// many of a generator whose classes are numbers only, as imported ones are.
void require_same_classes(const TokenFile& tokens, const std::vector<std::string>& class_names);

}  // namespace tessera
