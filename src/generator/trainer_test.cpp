#include "generator/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/settings.h"
#include "base/testing.h"
#include "generator/evaluate.h"
#include "generator/generator.h"
#include "generator/likelihood.h"
#include "generator/tiny_tokens_test.h"
#include "generator/train_generator.h"
#include "samples/token_fit.h"

namespace tessera {
namespace {

const std::string kTokenizer(64, 'a'), kOtherTokenizer(64, 'b');

GeneratorTrainer::Inputs inputs_of(const fs::path& tokens) {
  GeneratorTrainer::Inputs inputs;
  inputs.train = inputs.valid = TokenFile::open(tokens);
  for (std::int64_t image = 0; image < inputs.train.images(); ++image)
    (image % 5 ? inputs.train_images.push_back(image)
               : inputs.valid_sequences.push_back({image, 0}));
  return inputs;
}

fs::path write_tiny_tokens(const fs::path& folder, const std::string& hash = kTokenizer,
                           int images = 50) {
  const auto path = folder / ("tokens" + hash.substr(0, 1) + ".safetensors");
  write_tokens(path, tiny_tokens(images, 4, hash));
  return path;
}

// A TOML recipe of tiny_recipe(), written out key by key.
fs::path write_recipe(const fs::path& folder) {
  std::ofstream toml(folder / "tiny.toml");
  const auto json = to_json(tiny_recipe());
  for (const char* table : {"generator", "generator_training"}) {
    toml << "[" << table << "]\n";
    for (const auto& [key, value] : json[table].items())
      toml << key << " = " << value.dump() << "\n";
  }
  return folder / "tiny.toml";
}

// The tiny recipe on the tiny tokens, into folder / "model".
TrainGeneratorOptions options_in(const fs::path& folder) {
  TrainGeneratorOptions options;
  options.recipe = write_recipe(folder);
  options.tokens = write_tiny_tokens(folder);
  options.out = folder / "model";
  options.quiet = true;
  return options;
}

nlohmann::json run(const fs::path& tokens, const fs::path& out, std::int64_t steps,
                   bool resume = false, const Recipe& recipe = tiny_recipe()) {
  GeneratorTrainer trainer(recipe, inputs_of(tokens), 9, torch::kCPU);
  const auto& config = recipe.generator_training;
  return run_training(trainer, {.stage = "generator",
                                .folder = out,
                                .settings = to_json(recipe),
                                .resume = resume,
                                .quiet = true,
                                .seed = 9,
                                .steps = steps,
                                .log_every = config.log_every,
                                .valid_every = config.valid_every,
                                .checkpoint_every = config.checkpoint_every});
}

Recipe recipe_with_all_options() {
  auto recipe = tiny_recipe();
  recipe.generator_training.drop_path = 0.3;
  recipe.generator_training.ema_decay = 0.99;
  recipe.generator_training.accumulate = 2;
  recipe.generator_training.checkpoint_activations = true;
  return recipe;
}

class Resumed : public testing::TestWithParam<Recipe> {};
INSTANTIATE_TEST_SUITE_P(Recipes, Resumed,
                         testing::Values(tiny_recipe(), recipe_with_all_options()),
                         [](const auto& item) { return item.index ? "AllOptions" : "Plain"; });

TEST_P(Resumed, RunIsTheRunThatWasNeverStopped) {
  const auto folder = test_folder("resume");
  const auto tokens = write_tiny_tokens(folder);
  run(tokens, folder / "whole", 8, false, GetParam());
  run(tokens, folder / "halves", 4, false, GetParam());
  run(tokens, folder / "halves", 8, true, GetParam());
  const auto whole =
      read_tensors(SafetensorsFile::open(folder / "whole/training/checkpoint.safetensors"));
  const auto halves =
      read_tensors(SafetensorsFile::open(folder / "halves/training/checkpoint.safetensors"));
  ASSERT_EQ(whole.size(), halves.size());
  for (const auto& [name, tensor] : whole) EXPECT_TRUE(tensor.equal(halves.at(name))) << name;
}

// The gradient of a step, by name: the first moment after it, up to a factor.
TensorMap gradients_of_a_step(Recipe recipe, const fs::path& tokens) {
  auto& training = recipe.generator_training;
  training.token_dropout = training.residual_dropout = training.ffn_dropout = 0;
  training.clip_norm = 1e9;
  GeneratorTrainer trainer(recipe, inputs_of(tokens), 9, torch::kCPU);
  trainer.step(0, false);  // the head starts at zero, so that the first step moves it alone
  trainer.step(1, false);
  TensorMap first;
  for (const auto& [name, tensor] : trainer.state())
    if (name.ends_with(".first")) first[name] = tensor;
  return first;
}

TEST(GeneratorTrainer, PartsOfABatchGiveTheGradientOfTheBatch) {
  const auto tokens = write_tiny_tokens(test_folder("accumulate"));
  auto recipe = tiny_recipe();
  recipe.generator_training.learning_rate = 1e-6;  // so that the second step starts from the same
  const auto whole = gradients_of_a_step(recipe, tokens);
  recipe.generator_training.accumulate = 3;
  for (const auto& [name, gradient] : gradients_of_a_step(recipe, tokens)) {
    const auto& expected = whole.at(name);
    // Sums in another order: rounding of a few hundred float32 terms.
    const double bound = 1e-5 * expected.abs().max().item<double>() + 1e-9;
    EXPECT_LE((gradient - expected).abs().max().item<double>(), bound) << name;
  }
}

TEST(GeneratorTrainer, DrawsEveryImageOncePerEpochWithRandomCropsAndDroppedClasses) {
  auto recipe = tiny_recipe();
  recipe.generator_training.batch_size = 40;  // all training images
  recipe.generator_training.class_dropout = 0.25;
  auto set = tiny_tokens(50, 4, kTokenizer);
  for (std::size_t sequence = 0; sequence < 100; ++sequence) {  // each says which one it is
    set.codes[6 * sequence] = static_cast<int>(sequence / 2 / 12);
    set.codes[6 * sequence + 1] = static_cast<int>(sequence / 2 % 12);
    set.codes[6 * sequence + 2] = static_cast<int>(sequence % 2);
  }
  const auto tokens = test_folder("draw") / "tokens.safetensors";
  write_tokens(tokens, set);
  GeneratorTrainer trainer(recipe, inputs_of(tokens), 9, torch::kCPU);
  constexpr int kEpochs = 25;
  std::array<int, 2> crops{};
  int dropped = 0;
  std::set<std::vector<std::int64_t>> orders;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const auto batch = trainer.draw_batch(epoch);
    EXPECT_TRUE(batch.codes.equal(trainer.draw_batch(epoch).codes));  // a function of the step
    std::set<std::int64_t> images;
    for (std::int64_t row = 0; row < 40; ++row) {
      const auto* codes = batch.codes[row].data_ptr<std::int64_t>();
      const auto image = 12 * codes[0] + codes[1], crop = codes[2];
      images.insert(image);
      ++crops[static_cast<std::size_t>(crop)];
      const auto label = batch.labels[row].item<std::int64_t>();
      dropped += label == 3;
      EXPECT_TRUE(label == 3 || label == set.labels[static_cast<std::size_t>(image)]);
    }
    EXPECT_EQ(images.size(), 40u);
    orders.insert(
        {batch.codes.data_ptr<std::int64_t>(), batch.codes.data_ptr<std::int64_t>() + 60});
  }
  EXPECT_EQ(orders.size(), std::size_t{kEpochs});  // shuffled anew
  // Four deviations of 1000 draws.
  EXPECT_NEAR(crops[0], 500, 4 * std::sqrt(250));
  EXPECT_NEAR(dropped, 250, 4 * std::sqrt(187.5));
}

TEST(GeneratorTrainer, TheFolderHoldsTheAverageAndTheCheckpointBoth) {
  const auto folder = test_folder("average");
  const auto tokens = write_tiny_tokens(folder);
  auto recipe = tiny_recipe();
  run(tokens, folder / "plain", 8);
  recipe.generator_training.ema_decay = 0.9;
  const auto result = run(tokens, folder / "average", 8, false, recipe);
  const auto plain = read_tensors(open_model_weights(folder / "plain"));
  const auto state =
      read_tensors(SafetensorsFile::open(folder / "average/training/checkpoint.safetensors"));
  for (const auto& [name, tensor] : read_tensors(open_model_weights(folder / "average"))) {
    EXPECT_TRUE(state.at("model." + name).equal(plain.at(name))) << name;  // training is the same
    EXPECT_TRUE(state.at("ema.average." + name).equal(tensor)) << name;
    EXPECT_FALSE(tensor.equal(plain.at(name))) << name;
  }
  auto generator = Generator::load(folder / "average", torch::kCPU);
  const auto inputs = inputs_of(tokens);
  EXPECT_EQ(measure_likelihood(generator.model(), inputs.valid, inputs.valid_sequences, false)
                .nats_per_token(),
            result["valid"]["nats_per_token"].get<double>());
}

TEST(GeneratorTrainer, LearnsWhatIsToBeLearnt) {
  const auto folder = test_folder("learns");
  auto recipe = tiny_recipe();
  recipe.generator_training.steps = 300;
  recipe.generator_training.batch_size = 32;
  GeneratorTrainer trainer(recipe, inputs_of(write_tiny_tokens(folder, kTokenizer, 400)), 1,
                           torch::kCPU);
  EXPECT_NEAR(trainer.validate()["nats_per_token"].get<double>(), std::log(12.0), 1e-5);
  for (int step = 0; step < 300; ++step) trainer.step(step, false);
  const auto valid = trainer.validate();
  // A token is the likely one with probability 0.9 + 0.1 / 12, any other with 0.1 / 12: 0.476 nats
  // at best.
  EXPECT_LT(valid["nats_per_token"].get<double>(), 0.8);
  EXPECT_GT(valid["predictability"].get<double>(), 1.0);
  EXPECT_EQ(valid["by_position"].size(), 6u);
}

TEST(GeneratorTrainer, SaysOnceThatTheTrainingImagesAreLearntByHeart) {
  const auto folder = test_folder("by_heart");
  auto recipe = tiny_recipe();
  auto& training = recipe.generator_training;
  training.steps = 400;
  training.token_dropout = training.residual_dropout = training.ffn_dropout = 0;
  auto noise = tiny_tokens(50, 4, kTokenizer);  // of which nothing can be learnt but by heart
  Rng rng(5);
  for (auto& code : noise.codes) code = static_cast<std::int32_t>(rng.below(12));
  write_tokens(folder / "noise.safetensors", noise);
  auto inputs = inputs_of(folder / "noise.safetensors");
  inputs.train_images = {1, 2, 3};
  GeneratorTrainer trainer(recipe, std::move(inputs), 1, torch::kCPU);
  testing::internal::CaptureStderr();
  for (int step = 0; step < 400; ++step) {
    if (step % 50 == 0) trainer.validate();
    trainer.step(step, false);
  }
  trainer.validate();
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("warning: held-out nats_per_token was "), 0u) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST(GeneratorTrainer, TheModelFolderLoadsAsTheSameModel) {
  const auto folder = test_folder("folder");
  const auto tokens = write_tiny_tokens(folder);
  const auto result = run(tokens, folder / "model", 4);
  auto generator = Generator::load(folder / "model", torch::kCPU);
  EXPECT_EQ(generator.tokenizer_hash(), kTokenizer);
  EXPECT_EQ(generator.config().class_names, (std::vector<std::string>{"cat", "dog", "fish"}));
  const auto inputs = inputs_of(tokens);
  const auto likelihood =
      measure_likelihood(generator.model(), inputs.valid, inputs.valid_sequences, false);
  EXPECT_EQ(likelihood.nats_per_token(), result["valid"]["nats_per_token"].get<double>());
}

TEST(GeneratorTrainer, DamagedModelFoldersAreRefused) {
  const auto folder = test_folder("damaged");
  run(write_tiny_tokens(folder), folder / "model", 4);
  const auto config = read_json(folder / "model/config.json");
  for (const char* field : {"/extra/vocabulary", "/extra/grid", "/extra/tokenizer",
                            "/recipe/generator/layers", "/classes"}) {
    auto damaged = config;
    damaged[nlohmann::json::json_pointer(field)] = 1000000;
    write_json(folder / "model/config.json", damaged);
    EXPECT_THROW(Generator::load(folder / "model", torch::kCPU), Error) << field;
  }
}

TEST(TrainGenerator, RunsFromRecipeAndTokenFileToModelFolder) {
  const auto folder = test_folder("command");
  auto options = options_in(folder);
  options.overrides = {"generator.layers=1"};
  const auto result = train_generator(options);
  EXPECT_EQ(result["steps"], 8);
  EXPECT_LT(result["train_images"], 50);  // the others were held out
  EXPECT_EQ(Generator::load(options.out, torch::kCPU).config().recipe.generator.layers, 1);
  options.overrides.clear();
  EXPECT_THROW(train_generator(options), Error);  // the folder holds a run already
}

TEST(TrainGenerator, StartsFromTheWeightsOfAnotherFolder) {
  const auto folder = test_folder("init");
  auto options = options_in(folder);
  options.out = folder / "first";
  train_generator(options);
  options.init = options.out;
  options.out = folder / "second";
  options.overrides = {"generator_training.learning_rate=1e-12"};  // stays where it starts
  const auto result = train_generator(options);
  EXPECT_EQ(result["init"], model_hash(folder / "first"));
  EXPECT_EQ(read_json(folder / "second/config.json")["extra"]["init"], result["init"]);
  const auto second = read_tensors(open_model_weights(folder / "second"));
  for (const auto& [name, tensor] : read_tensors(open_model_weights(folder / "first")))
    EXPECT_LT((second.at(name) - tensor).abs().max().item<double>(), 1e-6) << name;

  const auto problem = [&](const std::string& text) {
    options.out = folder / "never";
    try {
      train_generator(options);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
      EXPECT_FALSE(fs::exists(options.out));
      return;
    }
    ADD_FAILURE() << "accepted, without: " << text;
  };
  options.overrides = {"generator.heads=4"};
  problem("generator.heads is 2, expected 4 as in the recipe");
  options.overrides = {"generator.layers=3"};
  problem(
      "tensor 'layers.2.attention.k_norm.weight' is missing; generator.layers is 2 there and 3");
  options.overrides = {"generator.layers=1"};
  problem("is not known; generator.layers is 2 there and 1");
  options.overrides = {"generator.dim=24"};
  problem("generator.dim is 16 there and 24");
  options.overrides.clear();
  auto set = tiny_tokens(50, 4, kTokenizer);
  set.header.class_names.push_back("goat");
  write_tokens(options.tokens, set);
  problem("number of classes");
  set = tiny_tokens(50, 4, kTokenizer);
  set.header.codebook_size = 13;
  write_tokens(options.tokens, set);
  problem("vocabulary");
}

TEST(TrainGenerator, ResumesACheckpointFromBeforeASettingExisted) {
  const auto folder = test_folder("older");
  auto options = options_in(folder);
  train_generator(options);
  const auto path = folder / "model/training/checkpoint.safetensors";
  {
    const auto checkpoint = SafetensorsFile::open(path);
    auto metadata = checkpoint.metadata();
    auto settings = nlohmann::json::parse(metadata.at("settings"));
    settings["recipe"]["generator_training"].erase("ema_decay");
    metadata["settings"] = settings.dump();
    write_tensors(path, read_tensors(checkpoint), metadata);
  }
  options.resume = true;
  EXPECT_EQ(train_generator(options)["steps"], 8);
  options.overrides = {"generator_training.ema_decay=0.5"};
  try {
    train_generator(options);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ema_decay is 0.5, was 0.0"), std::string::npos)
        << error.what();
  }
}

TEST(TrainGenerator, RefusesValidTokensOfAnotherTokenizer) {
  const auto folder = test_folder("refuses");
  auto options = options_in(folder);
  options.valid_tokens = write_tiny_tokens(folder, kOtherTokenizer);
  try {
    train_generator(options);
    FAIL() << "was accepted";
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("bbbbbbbbbbbb"), std::string::npos) << message;
    EXPECT_NE(message.find("expected aaaaaaaaaaaa"), std::string::npos) << message;
  }
  EXPECT_FALSE(fs::exists(options.out));
}

TEST(TrainGenerator, RefusesTokensOfAnotherGrid) {
  const auto folder = test_folder("grids");
  auto options = options_in(folder);
  auto other = tiny_tokens(10, 4, kTokenizer);
  std::swap(other.header.grid_rows, other.header.grid_columns);
  write_tokens(folder / "other.safetensors", other);
  const auto expect_refused = [](const std::function<void()>& act) {
    const auto problem = error_of(act);
    EXPECT_NE(problem.find("tokens of an image is 3 x 2, expected 2 x 3"), std::string::npos)
        << problem;
  };
  options.valid_tokens = folder / "other.safetensors";
  expect_refused([&] { train_generator(options); });
  options.valid_tokens.clear();
  train_generator(options);
  LikelihoodOptions likelihood;
  likelihood.generator = options.out;
  likelihood.tokens = folder / "other.safetensors";
  expect_refused([&] { evaluate_likelihood(likelihood); });
  LogitsOptions logits;
  logits.generator = options.out;
  logits.tokens = folder / "other.safetensors";
  logits.out = folder / "logits.npy";
  expect_refused([&] { write_logits(logits); });
}

TEST(Logits, TakeTheirClassesFromTheCommandLineOrFromFoldersThatMeanTheSame) {
  const auto folder = test_folder("classes");
  auto options = options_in(folder);
  train_generator(options);
  auto other = tiny_tokens(2, 4, kTokenizer);
  other.header.class_names = {"n01", "n02", "n03"};
  write_tokens(folder / "other.safetensors", other);
  LogitsOptions logits;
  logits.generator = options.out;
  logits.tokens = folder / "other.safetensors";
  logits.out = folder / "logits.npy";
  const auto problem = error_of([&] { write_logits(logits); });
  EXPECT_NE(problem.find("3 classes, \"n01\", \"n02\", \"n03\", expected"), std::string::npos)
      << problem;
  logits.classes = "dog";
  EXPECT_EQ(write_logits(logits)["shape"], nlohmann::json({4, 6, 12}));
  // A generator whose classes are numbers, as imported ones are, takes as many in their order.
  auto config = read_json(folder / "model/config.json");
  config["classes"] = {"0", "1", "2"};
  write_json(folder / "model/config.json", config);
  logits.classes.clear();
  EXPECT_EQ(write_logits(logits)["shape"], nlohmann::json({4, 6, 12}));
}

TEST(Likelihood, OfAFreshModelIsTheLogarithmOfTheVocabulary) {
  const auto folder = test_folder("likelihood");
  const auto file = TokenFile::open(write_tiny_tokens(folder));
  Transformer model(tiny_recipe().generator, shape_of(file));
  const auto likelihood = measure_likelihood(model, file, all_sequences(file), false);
  EXPECT_NEAR(likelihood.nats_per_token(), std::log(12.0), 1e-6);
  EXPECT_NEAR(likelihood.bits_per_image(), 6 * std::log2(12.0), 1e-5);
  EXPECT_EQ(likelihood.sequences, 100);
  std::vector<double> counts(12);
  for (const auto code : tiny_tokens(50, 4, kTokenizer).codes)
    counts[static_cast<std::size_t>(code)] += 1.0 / 600;
  double entropy = 0;
  for (const double share : counts)
    if (share > 0) entropy -= share * std::log(share);
  EXPECT_NEAR(likelihood.unigram_entropy, entropy, 1e-9);
}

TEST(Evaluate, LogitsGiveTheLikelihoodAndOtherTokenizersAreRefused) {
  const auto folder = test_folder("evaluate");
  const auto tokens = write_tiny_tokens(folder);
  run(tokens, folder / "model", 4);
  LikelihoodOptions likelihood;
  likelihood.generator = folder / "model";
  likelihood.tokens = tokens;
  likelihood.quiet = true;
  const auto result = evaluate_likelihood(likelihood);
  EXPECT_EQ(result["predictability"].get<double>(),
            result["unigram_entropy"].get<double>() - result["nats_per_token"].get<double>());
  likelihood.tokens = write_tiny_tokens(folder, kOtherTokenizer);
  EXPECT_THROW(evaluate_likelihood(likelihood), FileError);

  LogitsOptions logits;
  logits.generator = folder / "model";
  logits.tokens = tokens;
  logits.out = folder / "logits.npy";
  EXPECT_EQ(write_logits(logits)["shape"], (std::vector<int>{100, 6, 12}));
  logits.classes = "cat,dog";
  EXPECT_THROW(write_logits(logits), Error);
}

}  // namespace
}  // namespace tessera
