#include "tokenizer/divergence_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "base/testing.h"
#include "training/diverged.h"

namespace tessera {
namespace {

constexpr double kNegligible = 1e-3;

/// A loss that falls from 1 to 0.1 with noise of `noise` of its value, log-normal, as batches have.
class FallingLoss {
 public:
  FallingLoss(double noise, std::uint64_t seed) : noise_(noise), rng_(seed) {}
  double next() {
    const double normal = std::sqrt(-2 * std::log(1 - rng_.uniform())) *
                          std::cos(6.283185307179586 * rng_.uniform());  // Box and Muller
    return (0.1 + 0.9 * std::exp(-0.01 * static_cast<double>(step_++))) * std::exp(noise_ * normal);
  }

 private:
  double noise_;
  Rng rng_;
  int step_ = 0;
};

// Feeds `factor` times the loss until the watch fires; the number of steps, or -1 for `most`.
int steps_to_fire(DivergenceWatch& watch, FallingLoss& loss, double factor, int most,
                  std::optional<double> accuracy = std::nullopt) {
  for (int step = 1; step <= most; ++step)
    if (!error_of([&] { watch.observe(factor * loss.next(), accuracy); }).empty()) return step;
  return -1;
}

struct Watched {
  explicit Watched(double noise = 0.3, std::uint64_t seed = 7) : loss(noise, seed) {
    for (int step = 0; step < 500; ++step) watch.observe(loss.next());
  }
  DivergenceWatch watch{kNegligible};
  FallingLoss loss;
};

TEST(DivergenceWatch, NoiseRaisesNoAlarm) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    DivergenceWatch watch(kNegligible);
    FallingLoss loss(0.4, seed);  // one batch in forty is more than twice as hard as the median
    EXPECT_EQ(steps_to_fire(watch, loss, 1, 10000), -1) << seed;
    EXPECT_TRUE(watch.healthy());
  }
}

TEST(DivergenceWatch, ABlowUpRaisesItWithinSteps) {
  for (const double factor : {10.0, 1e3, 1e12}) {
    Watched run;
    const int steps = steps_to_fire(run.watch, run.loss, factor, 100);
    EXPECT_GE(steps, 2) << factor;  // one bad batch is not enough
    EXPECT_LE(steps, 10) << factor;
  }
  Watched slow;
  const int steps = steps_to_fire(slow.watch, slow.loss, 4, 200);
  EXPECT_GT(steps, 5);
  EXPECT_LT(steps, 60);
}

TEST(DivergenceWatch, WhatIsNotFiniteRaisesItAtOnceAtAnyTime) {
  for (const double loss : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(error_of([&] { DivergenceWatch(kNegligible).observe(loss); }).find("not finite"),
              std::string::npos);
    Watched run;
    EXPECT_THROW(run.watch.observe(loss), Diverged);
  }
}

TEST(DivergenceWatch, OneBadBatchIsNoDivergenceButNoStateToComeBackTo) {
  Watched run;
  EXPECT_TRUE(run.watch.healthy());
  run.watch.observe(1000);
  EXPECT_FALSE(run.watch.healthy());
  EXPECT_EQ(steps_to_fire(run.watch, run.loss, 1, 1000), -1);
  EXPECT_TRUE(run.watch.healthy());
}

TEST(DivergenceWatch, AStateThatGotWorseFromTheBeginningIsNoneToComeBackTo) {
  DivergenceWatch watch(kNegligible);
  EXPECT_TRUE(watch.healthy());
  watch.observe(0.4);
  EXPECT_TRUE(watch.healthy());
  for (int step = 0; step < 20; ++step) watch.observe(4);
  EXPECT_FALSE(watch.healthy());
}

TEST(DivergenceWatch, AWorseLossMattersOnceTheDiscriminatorHasWon) {
  Watched contested, won;
  EXPECT_EQ(steps_to_fire(contested.watch, contested.loss, 2.3, 2000, 0.8), -1);
  const int steps = steps_to_fire(won.watch, won.loss, 2.3, 2000, 1.0);
  EXPECT_GT(steps, 0);
  Watched fine;  // a discriminator that wins while images get no worse is left alone
  EXPECT_EQ(steps_to_fire(fine.watch, fine.loss, 1, 2000, 1.0), -1);
}

TEST(DivergenceWatch, LossesThatAreAllNegligibleAreEqual) {
  DivergenceWatch watch(kNegligible);
  for (int step = 0; step < 200; ++step) watch.observe(1e-6);
  for (int step = 0; step < 200; ++step) watch.observe(5e-4);
  EXPECT_TRUE(watch.healthy());
}

TEST(DivergenceWatch, ItsStateIsAllItKnows) {
  Watched run;
  DivergenceWatch copy(kNegligible);
  copy.load_state(run.watch.state());
  auto loss = run.loss;
  EXPECT_EQ(steps_to_fire(copy, loss, 3.5, 200, 0.9),
            steps_to_fire(run.watch, run.loss, 3.5, 200, 0.9));
  EXPECT_TRUE(torch::equal(copy.state(), run.watch.state()));
}

}  // namespace
}  // namespace tessera
