#include "generator/flops.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Flops, AgreeWithACountByHand) {
  // dim 8, feed-forward 24 (8/3 of 8 is 21, rounded up to a multiple of 8), 6 tokens, 10 codes.
  const GeneratorConfig config{.layers = 3, .heads = 2, .dim = 8, .ffn_multiple = 8};
  const GeneratorShape shape{.vocabulary = 10, .classes = 4, .grid_rows = 2, .grid_columns = 3};
  const auto flops = forward_flops(config, shape);
  EXPECT_EQ(flops.qkv, 3 * 6 * (8 * 24) * 2);
  EXPECT_EQ(flops.attention, 3 * (6 * 6 * 8 + 6 * 6 * 8) * 2);  // scores, then values
  EXPECT_EQ(flops.attention_output, 3 * 6 * (8 * 8) * 2);
  EXPECT_EQ(flops.feed_forward, 3 * 6 * (8 * 24 + 8 * 24 + 24 * 8) * 2);
  EXPECT_EQ(flops.head, 6 * (8 * 10) * 2);
  EXPECT_EQ(flops.total(), 6912 + 3456 + 2304 + 20736 + 960);
  // With a cache, position t scores t + 1 keys: 21 instead of 36.
  EXPECT_EQ(cached_flops(config, shape).attention, 3 * (21 * 8 + 21 * 8) * 2);
  const auto json = flops_json(config, shape);
  EXPECT_EQ(json["training_step_per_sequence"], 3 * flops.total());
  EXPECT_EQ(json["sampling_per_image_guided"], 2 * cached_flops(config, shape).total());
}

}  // namespace
}  // namespace tessera
