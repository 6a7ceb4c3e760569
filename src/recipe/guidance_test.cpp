#include "recipe/guidance.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/testing.h"

namespace tessera {
namespace {

GuidanceSchedule parse(const std::string& text) { return parse_guidance_schedule(text, "--x"); }

TEST(Guidance, ConstantIsTheSameEverywhere) {
  for (int position = 0; position < 9; ++position)
    EXPECT_EQ(parse("constant").scale(2.5, position, 9), 2.5);
}

TEST(Guidance, AnIntervalGuidesFromItsBeginningUpToItsEnd) {
  const auto schedule = parse("interval:0.2:0.6");
  for (int position = 0; position < 10; ++position)
    EXPECT_EQ(schedule.scale(3, position, 10), position >= 2 && position < 6 ? 3 : 1) << position;
  // LlamaGen's cfg_interval = 4: the first token, then steps 0 to 4.
  for (int position = 0; position < 16; ++position)
    EXPECT_EQ(parse("interval:0:0.375").scale(3, position, 16), position < 6 ? 3 : 1) << position;
}

TEST(Guidance, PowerCosineRisesFromOneAsWorkedByHand) {
  const auto linear = parse("power-cosine:1");  // of 4 tokens: (1 - cos(0, 45, 90, 135 deg)) / 2
  EXPECT_EQ(linear.scale(3, 0, 4), 1);
  EXPECT_NEAR(linear.scale(3, 1, 4), 1 + (1 - std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(linear.scale(3, 2, 4), 2, 1e-12);
  EXPECT_NEAR(linear.scale(3, 3, 4), 1 + (1 + std::sqrt(0.5)), 1e-12);
  const auto late = parse("power-cosine:2");  // (2/4)^2 = 1/4: 45 degrees
  EXPECT_NEAR(late.scale(3, 2, 4), 1 + (1 - std::sqrt(0.5)), 1e-12);
  EXPECT_EQ(late.scale(1, 2, 4), 1);  // no guidance stays none
}

TEST(Guidance, AnythingElseIsRefused) {
  for (const char* bad :
       {"", "linear", "constant:1", "interval", "interval:0", "interval:0:1:1", "interval:0.5:0.5",
        "interval:-0.1:1", "interval:0:1.5", "interval:a:1", "interval:0:nan", "interval:0: 1",
        "interval:0:1:", "power-cosine", "power-cosine:0", "power-cosine:-1", "power-cosine:1x",
        "power-cosine:inf", "power-cosine:1:2"})
    EXPECT_THAT(error_of([&] { parse(bad); }), testing::StartsWith("--x is \"")) << bad;
}

}  // namespace
}  // namespace tessera
