#include "metrics/generation.h"

#include <gtest/gtest.h>

#include "features/feature_classifier.h"

namespace tessera {
namespace {

FeatureNet random_net() {
  torch::manual_seed(11);
  const FeatureShape shape{.width = 4, .levels = 2, .outputs = 3};
  FeatureClassifier classifier(shape);
  return FeatureNet(shape, classifier->folded(), "net");
}

torch::Tensor random_images(std::int64_t count, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::rand({count, 3, 8, 8}) * 2 - 1;
}

TEST(Compare, FindsASetEqualToItself) {
  const auto images = random_images(300, 1);
  const GenerationReference reference(random_net(), batches_of(images));
  const auto result = compare(reference, batches_of(images.flip(0)));
  EXPECT_NEAR(result["fd"].get<double>(), 0, 1e-6);
  EXPECT_EQ(result["precision"], 1.0);
  EXPECT_EQ(result["recall"], 1.0);
  EXPECT_EQ(result["images"], 300);
  EXPECT_EQ(result["feature_space"], "net");
}

TEST(Compare, SeesFloatsAsTheFileWouldHoldThem) {
  const auto images = random_images(50, 2);
  const GenerationReference reference(random_net(), batches_of(images));
  const auto bytes = ((images + 1) * 127.5).round() / 127.5 - 1;
  EXPECT_NEAR(compare(reference, batches_of(bytes))["fd"].get<double>(), 0, 1e-6);
}

TEST(Compare, TellsGeneratedFromReal) {
  const auto real = random_images(200, 3), dark = 0.2 * random_images(100, 4) - 0.8;
  const GenerationReference reference(random_net(), batches_of(real));
  const auto result = compare(reference, batches_of(dark));
  const auto other = compare(reference, batches_of(random_images(100, 5)));
  EXPECT_GT(result["fd"].get<double>(), 10 * other["fd"].get<double>());
  EXPECT_LT(result["precision"].get<double>(), other["precision"].get<double>());
  EXPECT_EQ(result["neighbour_images"], 100);
}

TEST(NearestTrain, SeesCopiesOfTrainingImages) {
  const auto train = random_images(120, 6), held_out = random_images(40, 7);
  const auto net = random_net();
  const auto result = nearest_train(&net, batches_of(train), batches_of(train.narrow(0, 30, 50)),
                                    batches_of(held_out));
  for (const auto* space : {"pixels", "features"}) {
    EXPECT_EQ(result[space]["generated"]["mean"], 0.0) << space;
    EXPECT_GT(result[space]["held_out"]["least"].get<double>(), 0) << space;
  }
  EXPECT_EQ(result["train_images"], 120);
}

TEST(NearestTrain, GivesPixelDistancesAsRootMeanSquares) {
  const auto train = torch::full({3, 3, 4, 4}, -1.0), generated = train + 51 / 127.5;
  const auto result =
      nearest_train(nullptr, batches_of(train), batches_of(generated), batches_of(train));
  EXPECT_NEAR(result["pixels"]["generated"]["median"].get<double>(), 0.4, 1e-6);
  EXPECT_FALSE(result.contains("features"));
}

}  // namespace
}  // namespace tessera
