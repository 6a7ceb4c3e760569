#include "study/plan.h"

#include <gmock/gmock.h>

#include <set>

#include "base/testing.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const StudyInputs kInputs{.images = "1", .held_out = "2", .features = "3"};

class Plans : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "recipe.toml", "[data]\nimage_size = 32\n[tokenizer]\nchannels = 32\n");
  }
  SweepFile read(const std::string& text) {
    write_file(folder_ / "sweep.toml",
               "recipe = \"recipe.toml\"\ndata = [\"images\"]\nfeatures = \"f\"\n" + text);
    return read_sweep_file(folder_ / "sweep.toml");
  }
  Plan plan(const std::string& text) { return make_plan(read(text), kInputs); }
  std::string problem(const std::string& text) {
    return error_of([&] { plan(text); });
  }
  TemporaryFolder folder_;
};

constexpr const char* kTwoDesigns =
    "[[sweep]]\nname = \"headline\"\n"
    "design = [{name = \"plain\", set = [\"regularizer.weight=0\"]}, "
    "{name = \"CRT\", set = [\"regularizer.weight=0.1\"]}]\n";

TEST_F(Plans, EveryDesignWithEveryGeneratorAndSeed) {
  const auto found =
      plan("seeds = [1, 2]\npoints = [10, 20]\n" + std::string(kTwoDesigns) +
           "generator = [{name = \"S\", set = [\"generator.dim=192\"]}, {name = \"M\"}]\n");
  ASSERT_EQ(found.runs.size(), 2u * 2 * (1 + 2));
  EXPECT_EQ(found.runs[0].kind, RunKind::tokenizer);
  std::set<std::string> done;
  for (const auto& run : found.runs) {
    for (const auto& need : run.needs) EXPECT_TRUE(done.contains(need)) << run.id;
    EXPECT_TRUE(done.insert(run.id).second);
  }
  const auto& small = found.runs[1];
  EXPECT_EQ(small.design, "plain");
  EXPECT_EQ(small.generator, "S");
  EXPECT_THAT(small.points, ElementsAre(10, 20));
  EXPECT_EQ(small.settings["regularizer.weight"], 0);
  EXPECT_EQ(small.settings["generator.dim"], 192);
  EXPECT_EQ(small.recipe.generator.dim, 192);
  EXPECT_EQ(found.runs[2].settings["generator.dim"], 768);  // what others vary is told, too
}

TEST_F(Plans, WorkGoesBySweepThenSeedThenDesignEachTokenizerWithItsGenerators) {
  const auto found =
      plan("seeds = [1, 2]\n" + std::string(kTwoDesigns) +
           "generator = [{name = \"S\", set = [\"generator.dim=192\"]}, {name = \"M\"}]\n"
           "[[sweep]]\nname = \"later\"\nseeds = [1]\n"
           "design = [{name = \"plain\", set = [\"regularizer.weight=0\"]}, "
           "{name = \"weak\", set = [\"regularizer.weight=0.01\"]}]\n"
           "generator = [{name = \"L\", set = [\"generator.dim=960\"]}, {name = \"M\"}]\n");
  std::vector<std::string> order;
  for (const auto& run : found.runs)
    order.push_back(std::to_string(run.seed) + " " + run.design + " " + run.generator);
  EXPECT_THAT(order, ElementsAre("1 plain ", "1 plain S", "1 plain M",  //
                                 "1 CRT ", "1 CRT S", "1 CRT M",        //
                                 "2 plain ", "2 plain S", "2 plain M",  //
                                 "2 CRT ", "2 CRT S", "2 CRT M",        //
                                 "1 plain L", "1 weak ", "1 weak L", "1 weak M"));
}

TEST_F(Plans, WhatTwoSweepsAskForIsThereOnce) {
  const auto found = plan("seeds = [1]\npoints = [10, 20]\n" + std::string(kTwoDesigns) +
                          "[[sweep]]\nname = \"longer\"\npoints = [20, 40]\n"
                          "design = [{name = \"CRT\", set = [\"regularizer.weight=0.1\"]}]\n");
  ASSERT_EQ(found.runs.size(), 4u);
  const auto& both = found.runs[3];
  EXPECT_THAT(both.points, ElementsAre(10, 20, 40));
  EXPECT_THAT(both.sweeps, ElementsAre(ElementsAre("headline"), ElementsAre("headline", "longer"),
                                       ElementsAre("longer")));
}

TEST_F(Plans, AGeneratorMayHaveSeveralSeedsOnOneTokenizer) {
  const auto found = plan(
      "seeds = [1, 2]\n[[sweep]]\nname = \"power\"\ndesign = [{name = \"one\"}]\n"
      "generator = [{name = \"S\", seeds = 2, set = [\"generator.dim=192\"]}, "
      "{name = \"M\"}]\n");
  ASSERT_EQ(found.runs.size(), 2u * (1 + 2 + 1));
  EXPECT_EQ(found.runs[1].generator_seed, 1u);
  EXPECT_EQ(found.runs[2].generator_seed, 1001u);
  EXPECT_EQ(found.runs[2].seed, 1u);
  EXPECT_EQ(found.runs[2].generator, "S");
  EXPECT_EQ(found.runs[2].needs, found.runs[1].needs);
  EXPECT_NE(found.runs[2].id, found.runs[1].id);
  EXPECT_EQ(found.runs[3].generator, "M");
  EXPECT_EQ(found.runs[6].generator_seed, 1002u);
  // The first is the one that a sweep without further seeds asks for.
  const auto single = plan(
      "seeds = [1]\n[[sweep]]\nname = \"power\"\ndesign = [{name = \"one\"}]\n"
      "generator = [{name = \"S\", set = [\"generator.dim=192\"]}]\n");
  EXPECT_EQ(single.runs[1].id, found.runs[1].id);
  EXPECT_THAT(problem("[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\"}]\n"
                      "generator = [{name = \"S\", seeds = 0}]\n"),
              HasSubstr("generator S: seeds is 0, expected 1 to 100"));
}

// Results of older studies are found by them.
TEST_F(Plans, IdsStayWhereASettingIsAdded) {
  const auto found = plan("seeds = [1]\n" + std::string(kTwoDesigns));
  EXPECT_EQ(found.runs[0].id, "t-0ae38c5661");
  EXPECT_EQ(found.runs[1].id, "g-fc8e67b559");
  const auto other = plan(
      "seeds = [1]\n[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\", set = "
      "[\"regularizer.weight=0\", \"regularizer.attach=features\"]}]\n");
  EXPECT_NE(other.runs[0].id, found.runs[0].id);
}

TEST_F(Plans, AxesCombineAndNameWhatTheyVary) {
  const auto found = plan("seeds = [1]\n" + std::string(kTwoDesigns) +
                          "axis = [{key = \"data.train_images\", values = [5000, 0]}, "
                          "{key = \"generator.layers\", values = [2, 4, 6]}]\n");
  EXPECT_EQ(found.runs.size(), 2u * 2 * (1 + 3));
  EXPECT_EQ(found.runs[1].design, "plain, train_images 5000");
  EXPECT_EQ(found.runs[1].generator, "recipe, layers 2");
  EXPECT_EQ(found.runs[1].recipe.data.train_images, 5000);
}

TEST_F(Plans, ADesignMaySayHowItsGeneratorsTrain) {
  const auto found = plan(
      "seeds = [1]\n[[sweep]]\nname = \"tokens\"\n"
      "design = [{name = \"fewer\", set = [\"tokenizer.multipliers=[1, 1, 1, 1]\", "
      "\"generator_training.batch_size=512\"]}]\n");
  ASSERT_EQ(found.runs.size(), 2u);
  EXPECT_EQ(found.runs[1].generator, "recipe");
  EXPECT_EQ(found.runs[1].recipe.generator_training.batch_size, 512);
  EXPECT_EQ(found.runs[1].settings.at("generator_training.batch_size"), 512);
}

TEST_F(Plans, IdsDependOnWhatARunMakesAndNothingElse) {
  const auto first = plan("seeds = [1]\n" + std::string(kTwoDesigns));
  auto file = read("title = \"other\"\nseeds = [1]\n" + std::string(kTwoDesigns));
  EXPECT_EQ(make_plan(file, kInputs).runs[0].id, first.runs[0].id);
  file.data = {"the same images, elsewhere"};
  EXPECT_EQ(make_plan(file, kInputs).runs[0].id, first.runs[0].id);
  for (auto StudyInputs::*input :
       {&StudyInputs::images, &StudyInputs::held_out, &StudyInputs::features}) {
    auto others = kInputs;
    others.*input = "other";
    EXPECT_NE(make_plan(file, others).runs[0].id, first.runs[0].id);
  }
  file = read("seeds = [2]\n" + std::string(kTwoDesigns));
  EXPECT_NE(make_plan(file, kInputs).runs[0].id, first.runs[0].id);
  file = read("samples = 77\nseeds = [1]\n" + std::string(kTwoDesigns));
  EXPECT_EQ(make_plan(file, kInputs).runs[0].id, first.runs[0].id);
  EXPECT_NE(make_plan(file, kInputs).runs[1].id, first.runs[1].id);
}

TEST_F(Plans, FeatureNetworksComeFirstWhereTheFileNamesNone) {
  auto file = read("seeds = [1]\n" + std::string(kTwoDesigns));
  file.features.clear();
  const auto found = make_plan(file, kInputs);
  EXPECT_EQ(found.runs[0].kind, RunKind::features);
  EXPECT_THAT(found.runs[1].needs, ElementsAre(found.runs[0].id));
}

TEST_F(Plans, MistakesAreNamed) {
  EXPECT_THAT(problem(""), HasSubstr("sweep is empty"));
  EXPECT_THAT(problem("sedes = [1]\n"), HasSubstr("seeds"));
  EXPECT_THAT(problem("points = [20, 10]\n" + std::string(kTwoDesigns)), HasSubstr("that rise"));
  EXPECT_THAT(problem("[[sweep]]\nname = \"a\"\n"), HasSubstr("design is empty"));
  EXPECT_THAT(problem("[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\", set = "
                      "[\"regularizer.wieght=0\"]}]\n"),
              testing::AllOf(HasSubstr("sweep a, design x"), HasSubstr("weight")));
  EXPECT_THAT(
      problem("[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\", set = [\"generator.dim=8\"]}]\n"),
      HasSubstr("which is a generator's"));
  EXPECT_THAT(problem("[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\"}, {name = \"x\"}]\n"),
              HasSubstr("'x' is there twice"));
  EXPECT_THAT(problem("[[sweep]]\nname = \"a\"\ndesign = [{name = \"x\"}, {name = \"y\"}]\n"),
              HasSubstr("is the same as x"));
  const std::string again = "[[sweep]]\nname = \"b\"\ndesign = [{name = \"CRT\", set = ";
  EXPECT_EQ(problem(kTwoDesigns + again + "[\"regularizer.weight=0.1\"]}]\n"), "");
  EXPECT_THAT(problem(kTwoDesigns + again + "[\"regularizer.weight=0.2\"]}]\n"),
              HasSubstr("sweep b, design CRT is set otherwise"));
  EXPECT_THAT(problem(kTwoDesigns + again +
                      "[\"regularizer.weight=0.1\", \"generator_training.batch_size=8\"]}]\n"),
              HasSubstr("generator recipe of design CRT is set otherwise"));
  EXPECT_THAT(problem(kTwoDesigns + again +
                      "[\"regularizer.weight=0.1\"]}]\ngenerator = [{name = \"recipe\", set = "
                      "[\"generator.layers=2\"]}]\n"),
              HasSubstr("generator recipe is set otherwise"));
  EXPECT_THAT(problem(std::string(kTwoDesigns) +
                      "[[finding]]\nname = \"f\"\nstatement = \"s\"\ndesign = \"CRT\"\n"
                      "reference = [\"plain\"]\nsweep = \"headlin\"\n"),
              HasSubstr("nearest: 'headline'"));
  EXPECT_THAT(problem("seeds = [1, 1]\n" + std::string(kTwoDesigns)), HasSubstr("each seed once"));
  EXPECT_THAT(problem("seeds = [-1]\n" + std::string(kTwoDesigns)), HasSubstr("from 0 on"));
  const auto finding = [&](const std::string& keys) {
    return problem("points = [10, 20]\n" + std::string(kTwoDesigns) +
                   "[[finding]]\nname = \"f\"\nstatement = \"s\"\n" + keys);
  };
  EXPECT_EQ(finding("design = \"CRT\"\nreference = [\"plain\"]\n"), "");
  EXPECT_THAT(finding("design = \"CRR\"\nreference = [\"plain\"]\n"),
              HasSubstr("finding f: design is 'CRR', which no sweep has; nearest: 'CRT'"));
  EXPECT_THAT(finding("design = \"CRT\"\nreference = [\"plian\"]\n"),
              HasSubstr("nearest: 'plain'"));
  EXPECT_THAT(finding("design = \"CRT\"\nreference = [\"plain\"]\nmetric = \"fdd\"\n"),
              HasSubstr("metric is 'fdd', which there is not; nearest: 'fd'"));
  EXPECT_THAT(finding("design = \"CRT\"\nreference = [\"plain\"]\nwhere = {steps = 77}\n"),
              HasSubstr("where.steps is 77, expected one of [10,20]"));
  const std::string pair = "design = \"CRT\"\nreference = [\"plain\"]\n";
  EXPECT_THAT(finding(pair + "kind = \"ratio\"\nmargin = 1.5\n"),
              HasSubstr("margin is 1.500000, expected none, since it is decided by fits"));
  EXPECT_THAT(finding(pair + "kind = \"crossover\"\nwhere = {steps = 10}\n"),
              HasSubstr("where is given, expected none"));
  EXPECT_THAT(finding(pair + "against = {steps = 10}\n"), HasSubstr("against is given"));
  EXPECT_THAT(finding(pair + "kind = \"ratio\"\nrelative = true\n"), HasSubstr("relative is true"));
  EXPECT_THAT(finding("design = \"CRT\"\nreference = [\"plain\"]\nkind = \"positions\"\n"),
              HasSubstr("nats_per_token or predictability"));
}

}  // namespace
}  // namespace tessera
