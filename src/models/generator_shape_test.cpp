#include "models/generator_shape.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace tessera {
namespace {

constexpr GeneratorShape kImageNet = {
    .vocabulary = 16384, .classes = 1000, .grid_rows = 16, .grid_columns = 16};

TEST(Shape, PresetsHaveThePublishedParameterCounts) {
  // By hand: layers (4 dim^2 + 3 dim ffn + 2 dim) + (2 x 16384 + 1001) dim + dim.
  for (const auto& [name, ffn, parameters] : {std::tuple{"B", 2048, std::int64_t{110888448}},
                                              {"L", 2816, 342910976},
                                              {"XL", 3584, 774699520},
                                              {"XXL", 4096, 1410972672},
                                              {"3B", 8704, 3096659200}}) {
    GeneratorConfig config{.qk_norm = false};
    apply_preset(config, name);
    config.validate();
    EXPECT_EQ(config.ffn_dim(), ffn) << name;
    EXPECT_EQ(count_parameters(config, kImageNet), parameters) << name;
  }
  GeneratorConfig config;
  apply_preset(config, "3B");
  EXPECT_EQ(config.dim / config.heads, 100);
  EXPECT_THROW(apply_preset(config, "M"), Error);
}

}  // namespace
}  // namespace tessera
