#include "import/lpips_layout.h"

#include <array>

namespace tessera {

Shapes vgg16_shapes() {
  constexpr std::array<std::pair<int, int>, 13> kConvolutions = {// layer, outputs
                                                                 {{0, 64},
                                                                  {2, 64},
                                                                  {5, 128},
                                                                  {7, 128},
                                                                  {10, 256},
                                                                  {12, 256},
                                                                  {14, 256},
                                                                  {17, 512},
                                                                  {19, 512},
                                                                  {21, 512},
                                                                  {24, 512},
                                                                  {26, 512},
                                                                  {28, 512}}};
  Shapes shapes;
  int inputs = 3;
  for (const auto& [layer, outputs] : kConvolutions) {
    const auto name = "features." + std::to_string(layer);
    shapes[name + ".weight"] = {outputs, inputs, 3, 3};
    shapes[name + ".bias"] = {outputs};
    inputs = outputs;
  }
  return shapes;
}

Shapes lpips_head_shapes() {
  constexpr std::array<int, 5> kChannels = {64, 128, 256, 512, 512};
  Shapes shapes;
  for (std::size_t stage = 0; stage < kChannels.size(); ++stage)
    shapes["lin" + std::to_string(stage) + ".weight"] = {1, kChannels[stage], 1, 1};
  return shapes;
}

std::string lpips_name(const std::string& name) {
  return name.substr(0, name.find('.')) + ".model.1.weight";
}

}  // namespace tessera
