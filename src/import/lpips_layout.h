#pragma once

#include "import/foreign_weights.h"

namespace tessera {

/// The convolutions of VGG16 (arXiv 1409.1556) as torchvision numbers its layers:
/// "features.0.weight" .. "features.28.bias".
Shapes vgg16_shapes();

/// LPIPS' weights of VGG16's five stages (arXiv 1801.03924): "lin0.weight" .. "lin4.weight", [1, C,
/// 1, 1].
Shapes lpips_head_shapes();

/// What LPIPS' own files call a head: "lin0.model.1.weight".
std::string lpips_name(const std::string& name);

}  // namespace tessera
