#include "charts/axis_scale.h"

#include <gmock/gmock.h>

#include <cmath>

namespace tessera {
namespace {

using testing::Contains;
using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsSupersetOf;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(AxisScale, RoundTicksLieWithinALinearAxis) {
  const AxisScale scale({.label = "steps"}, {0, 970});
  EXPECT_THAT(scale.ticks(), ElementsAre(0, 200, 400, 600, 800, 1000));
  EXPECT_NEAR(scale.place(485), 0.5, 1e-12);
  EXPECT_GT(scale.place(0), 0);
  EXPECT_LT(scale.place(970), 1);
}

TEST(AxisScale, ALogarithmicAxisMarksDecadesAndWhatIsBetween) {
  const AxisScale long_axis({.log = true}, {1, 1e12});
  EXPECT_THAT(long_axis.ticks(), IsSupersetOf({DoubleEq(1), DoubleEq(1e6), DoubleEq(1e12)}));
  EXPECT_NEAR(long_axis.place(1e6), 0.5, 1e-12);
  const AxisScale short_axis({.log = true}, {1e14, 2e15});
  EXPECT_THAT(short_axis.ticks(), Contains(DoubleNear(5e14, 1)));
  // Below a decade the marks are as on a linear axis.
  EXPECT_THAT(AxisScale({.log = true}, {3.2, 4.0}).ticks(),
              ElementsAre(DoubleNear(3.2, 1e-9), DoubleNear(3.4, 1e-9), DoubleNear(3.6, 1e-9),
                          DoubleNear(3.8, 1e-9), DoubleNear(4.0, 1e-9)));
}

TEST(AxisScale, ValuesThatAnAxisCannotShowDoNotCount) {
  const AxisScale scale({.log = true}, {0, -5, kNan, INFINITY, 10, 1000});
  EXPECT_NEAR(scale.place(100), 0.5, 1e-12);
}

TEST(AxisScale, EqualOrNoValuesStillMakeAnAxis) {
  for (const bool log : {false, true})
    for (const double value : {7.0, 1e15}) {
      const AxisScale scale({.log = log}, {value, value});
      EXPECT_FALSE(scale.ticks().empty());
      EXPECT_NEAR(scale.place(value), 0.5, 1e-6);
    }
  EXPECT_NEAR(AxisScale({}, {0}).place(0), 0.5, 1e-9);
  EXPECT_FALSE(AxisScale({}, {}).ticks().empty());
}

TEST(AxisScale, TicksThatTheAxisNamesAreTheTicks) {
  EXPECT_THAT(AxisScale({.log = true, .ticks = {256, 1024}}, {200, 2000}).ticks(),
              ElementsAre(256, 1024));
}

TEST(TickText, IsShort) {
  EXPECT_EQ(tick_text(0.25), "0.25");
  EXPECT_EQ(tick_text(3000), "3000");
  EXPECT_EQ(tick_text(2e14), "2e14");
}

}  // namespace
}  // namespace tessera
