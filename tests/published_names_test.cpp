// Names and shapes of the published files: reference/keys holds them as the files have them.
#include <gtest/gtest.h>

#include <fstream>

#include "import/vq_layout.h"

namespace tessera {
namespace {

// "encoder.conv_in.weight<TAB>[128, 3, 3, 3]", as the published files have them.
Shapes published_shapes(const std::string& name) {
  Shapes shapes;
  std::ifstream file(fs::path(TESSERA_REFERENCE) / "keys" / (name + "_keys.txt"));
  for (std::string line; std::getline(file, line);)
    if (const auto tab = line.find('\t'); tab != std::string::npos)
      shapes[line.substr(0, tab)] = nlohmann::json::parse(line.substr(tab + 1)).get<Shape>();
  return shapes;
}

TEST(PublishedNames, AreOurs) {
  TokenizerConfig config;  // VQ-16
  EXPECT_EQ(vq_shapes(config), published_shapes("llamagen_vq16"));
  config.multipliers = {1, 2, 2, 4};
  EXPECT_EQ(vq_shapes(config), published_shapes("llamagen_vq8"));
  TokenizerConfig taming;
  taming.code_size = 256;
  Shapes expected;
  for (const auto& [name, shape] : vq_shapes(taming)) expected[taming_name(name, 5)] = shape;
  EXPECT_EQ(expected, published_shapes("taming_f16_16384"));
}

}  // namespace
}  // namespace tessera
