#pragma once

#include "import/foreign_weights.h"
#include "models/generator_shape.h"

namespace tessera {

/// The tensors of a transformer of this shape, as Transformer names them (LlamaGen's names).
Shapes gpt_shapes(const GeneratorConfig& config, const GeneratorShape& shape);

/// What the shapes of a transformer's weights say about it. Throws FileError naming the tensor that
/// fits no such model; matched() tells the rest. `heads` of 0 stands for LlamaGen's own: of 64
/// channels, or of 100 in its 3B.
GeneratorConfig gpt_config_of(const ForeignWeights& weights, int heads);
/// Vocabulary and classes; the grid is left at 0, since no shape shows it.
GeneratorShape gpt_shape_of(const ForeignWeights& weights);

}  // namespace tessera
