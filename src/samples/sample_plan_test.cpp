#include "samples/sample_plan.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "samples/classes.h"

namespace tessera {
namespace {

using testing::ElementsAre;

ModelConfig generator_of(const nlohmann::json& class_counts) {
  ModelConfig generator;
  generator.class_names = {"cat", "dog", "fish"};
  if (!class_counts.is_null()) generator.extra["class_counts"] = class_counts;
  return generator;
}

std::vector<std::int64_t> labels_of_total(int total, const nlohmann::json& class_counts,
                                          const std::string& classes = "all") {
  SampleOptions options;
  options.total = total;
  options.classes = classes;
  return plan_samples(options, generator_of(class_counts)).labels;
}

TEST(SamplePlan, CountIsOfEachClass) {
  SampleOptions options;
  options.count = 2;
  options.classes = "fish,cat";
  EXPECT_THAT(plan_samples(options, generator_of(nullptr)).labels, ElementsAre(2, 2, 0, 0));
}

TEST(SamplePlan, BlanksBesideCommasBelongToNoClass) {
  const std::vector<std::string> names = {"cat", " dog", "fish"};
  EXPECT_THAT(parse_classes("0, 2", names), ElementsAre(0, 2));
  EXPECT_THAT(parse_classes(" cat ,fish ", names), ElementsAre(0, 2));
  EXPECT_THAT(parse_classes("cat, dog", names), ElementsAre(0, 1));
  EXPECT_THROW(parse_classes("cat,,fish", names), Error);
  EXPECT_THROW(parse_classes(" ", names), Error);
}

TEST(SamplePlan, MoreImagesThanMemoryHoldsAreRefused) {
  SampleOptions options;
  options.count = 2147483647;
  options.classes = "0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2,0,1,2";
  EXPECT_THROW(plan_samples(options, generator_of(nullptr)), UsageError);
  options.count = 10;
  const auto plan = plan_samples(options, generator_of(nullptr));
  require_room(options, plan, 256, 256, 256);
  EXPECT_THROW(require_room(options, plan, 256, 1 << 24, 1 << 24), UsageError);
  options.out = "grid.png";
  EXPECT_THROW(require_room(options, plan, 1, 1, 1 << 20), UsageError);
}

TEST(SamplePlan, TotalIsInProportionToTraining) {
  EXPECT_THAT(labels_of_total(5, {30, 10, 10}), ElementsAre(0, 0, 0, 1, 2));
  EXPECT_THAT(labels_of_total(4, {6, 0, 2}), ElementsAre(0, 0, 0, 2));
  EXPECT_THAT(labels_in_proportion(7, {5, 5, 5}), ElementsAre(0, 1, 2, 0, 1, 2, 0));
  EXPECT_THAT(labels_of_total(4, {7, 3, 1}, "fish,dog"), ElementsAre(2, 1, 1, 1));
  for (int total = 1; total < 40; ++total)
    EXPECT_EQ(labels_of_total(total, {5, 3, 4}).size(), static_cast<std::size_t>(total));
}

TEST(SamplePlan, ClassesOfAnyBytesCanBeNamed) {
  const std::vector<std::string> names = {"a,b", "all", "3", "\\xff", "\\xfe"};
  EXPECT_THAT(parse_classes("a\\x2cb,\\xfe", names), ElementsAre(0, 4));
  EXPECT_THAT(parse_classes("\xff,3", names), ElementsAre(3, 2));
  EXPECT_THAT(parse_classes("\\x61ll", names), ElementsAre(1));
  EXPECT_THAT(parse_classes("all", names), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT([&] { parse_classes("a,b", names); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("there is no class 'a'")));
}

TEST(SamplePlan, TotalNeedsCountsThatAreWhole) {
  EXPECT_THROW(labels_of_total(4, nullptr), Error);
  EXPECT_THROW(labels_of_total(4, {1, 2}), Error);
  EXPECT_THROW(labels_of_total(4, {1, -2, 3}), Error);
  EXPECT_THROW(labels_of_total(4, {"a", 2, 3}), Error);
  EXPECT_THROW(labels_of_total(4, {0, 0, 0}), Error);
}

}  // namespace
}  // namespace tessera
