#include "training/ema.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

struct PairImpl : torch::nn::Module {
  PairImpl()
      : weight(register_parameter("weight", torch::zeros({3, 2}))),
        seen(register_buffer("seen", torch::zeros({1}))) {}
  torch::Tensor weight, seen;
};
TORCH_MODULE(Pair);

// What an optimizer step does to the module, as far as the average can tell.
void move_on(Pair& pair, double to) {
  torch::NoGradGuard no_grad;
  pair->weight.fill_(to);
  pair->seen.add_(1);
}

TEST(Ema, FollowsTheFormulaAndCopiesBuffers) {
  Pair pair;
  Ema ema(*pair, 0.3);
  double average = 0;
  for (int n = 0; n < 6; ++n) {
    move_on(pair, n + 1);
    ema.update();
    const double decay = std::min(0.3, (1.0 + n) / (10.0 + n));  // below 0.3 for n = 0, 1, 2
    average = decay * average + (1 - decay) * (n + 1);
    EXPECT_NEAR(ema.tensors().at("weight")[2][1].item<double>(), average, 1e-5) << n;
    EXPECT_EQ(ema.tensors().at("seen").item<double>(), n + 1);
  }
  EXPECT_EQ(pair->weight[0][0].item<double>(), 6);  // the module is left alone
}

TEST(Ema, LendsItsWeightsForAWhile) {
  Pair pair;
  Ema ema(*pair, 0.9);
  move_on(pair, 1);
  ema.update();  // 0.9 of the new weights, since the decay begins at 1/10
  {
    const Ema::Applied averaged(ema);
    EXPECT_FLOAT_EQ(pair->weight[0][0].item<float>(), 0.9f);
  }
  EXPECT_EQ(pair->weight[0][0].item<float>(), 1);
  EXPECT_FLOAT_EQ(ema.tensors().at("weight")[0][0].item<float>(), 0.9f);
  EXPECT_TRUE(pair->weight.requires_grad());
}

TEST(Ema, CopiesRowsThatWerePlaced) {
  Pair pair;
  Ema ema(*pair, 0.9);
  move_on(pair, 1);
  ema.place_rows("weight", torch::tensor({0, 2}));
  const auto rows = ema.tensors().at("weight");
  EXPECT_EQ(rows[0][0].item<float>(), 1);
  EXPECT_EQ(rows[1][0].item<float>(), 0);
  EXPECT_EQ(rows[2][1].item<float>(), 1);
}

TEST(Ema, GoesOnFromItsState) {
  Pair one, two;
  Ema whole(*one, 0.99), second(*two, 0.99);
  for (int n = 0; n < 4; ++n) move_on(one, n), whole.update();
  second.load_state(whole.state(), "here");
  move_on(one, 9), whole.update();
  move_on(two, 9), second.update();
  EXPECT_TRUE(second.tensors().at("weight").equal(whole.tensors().at("weight")));
  auto broken = whole.state();
  broken.erase("average.weight");
  EXPECT_THROW(second.load_state(broken, "here"), Error);
}

TEST(Ema, OffIsTheModuleItself) {
  Pair pair;
  Ema ema(*pair, 0);
  move_on(pair, 5);
  ema.update();
  EXPECT_EQ(ema.tensors().at("weight")[0][0].item<float>(), 5);
  EXPECT_TRUE(ema.state().empty());
  const Ema::Applied averaged(ema);
  EXPECT_EQ(pair->weight[0][0].item<float>(), 5);
}

}  // namespace
}  // namespace tessera
