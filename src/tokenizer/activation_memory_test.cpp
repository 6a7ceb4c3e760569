#include "tokenizer/activation_memory.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/testing.h"

namespace tessera {
namespace {

TEST(ActivationMemory, GrowsWithThePixelsAndThenWithTheSquareOfTheTokens) {
  const TokenizerConfig config{.channels = 32, .multipliers = {1, 1}};
  EXPECT_EQ(least_activation_bytes(config, 8, 8, 1), 2 * 2 * 16 * 16 * 32);
  EXPECT_EQ(least_activation_bytes(config, 2048, 2048, 1), 2 * 4 * 17592186044416.0);
  EXPECT_EQ(least_activation_bytes(config, 8, 8, 10), 10 * 2 * 2 * 16 * 16 * 32);
}

TEST(ActivationMemory, WhatCannotFitIsRefused) {
  const TokenizerConfig config{.channels = 32, .multipliers = {1, 1}};
  require_activation_memory(config, 16, 1, "--image-size is 16");
  EXPECT_THAT(error_of([&] { require_activation_memory(config, 4096, 1, "--image-size is 4096"); }),
              testing::AllOf(testing::StartsWith("--image-size is 4096: an image of 2048 x 2048"),
                             testing::HasSubstr("140737.5 GB"), testing::HasSubstr("free")));
}

}  // namespace
}  // namespace tessera
