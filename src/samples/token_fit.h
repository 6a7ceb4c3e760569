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

/// The file with its labels as classes of `whose` ("the generator's"), matched by name; a generator
/// whose classes are numbers only, as imported ones are, takes as many in their order. Warns of
/// classes that the file lacks, throws FileError naming those that are unknown.
TokenFile matched_classes(const TokenFile& tokens, const std::vector<std::string>& class_names,
                          const std::string& whose);

}  // namespace tessera
