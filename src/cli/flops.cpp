#include "tokenizer/flops.h"

#include <iostream>

#include "base/files.h"
#include "base/version.h"
#include "cli/command.h"
#include "generator/flops.h"
#include "recipe/recipe.h"

namespace tessera::cli {
namespace {

struct FlopsOptions : RunOptions {
  std::string recipe;
  std::vector<std::string> overrides;
  int classes = 1000;
};

nlohmann::json count_flops(const FlopsOptions& options) {
  const auto recipe = load_recipe(options.recipe, options.overrides);
  const auto tokenizer = tokenizer_flops(recipe);
  // One in which everything learns.
  const double step = tokenizer.step() + tokenizer.perceptual_step() +
                      tokenizer.discriminator_step() + tokenizer.adversarial_step();
  const auto steps = tokenizer_steps(recipe);
  const GeneratorShape shape{.vocabulary = recipe.tokenizer.codebook_size,
                             .classes = options.classes,
                             .grid_rows = recipe.grid(),
                             .grid_columns = recipe.grid()};
  const double sequences =
      static_cast<double>(recipe.generator_training.steps) * recipe.generator_training.batch_size;
  auto generator = flops_json(recipe.generator, shape);
  generator["parameters"] = count_parameters(recipe.generator, shape);
  generator["steps"] = recipe.generator_training.steps;
  generator["training_total"] = 3 * forward_flops(recipe.generator, shape).total() * sequences;
  nlohmann::json json = {{"tokenizer",
                          {{"per_image",
                            {{"encoder", tokenizer.encoder},
                             {"quantizer", tokenizer.quantizer},
                             {"decoder", tokenizer.decoder},
                             {"regularizer", tokenizer.regularizer},
                             {"regularizer_codes", tokenizer.regularizer_codes},
                             {"perceptual", tokenizer.perceptual},
                             {"discriminator", tokenizer.discriminator}}},
                           {"inference_per_image", tokenizer.forward()},
                           {"training_step_per_image", step},
                           {"training_step_by_part",
                            {{"tokenizer", tokenizer.step() - tokenizer.regularizer_step()},
                             {"regularizer", tokenizer.regularizer_step()},
                             {"perceptual", tokenizer.perceptual_step()},
                             {"discriminator", tokenizer.discriminator_step()},
                             {"adversarial", tokenizer.adversarial_step()}}},
                           {"regularizer_share", tokenizer.regularizer_step() / step},
                           {"parameters", tokenizer_parameters(recipe.tokenizer)},
                           {"steps", steps},
                           {"training_total", tokenizer_training_flops(recipe, steps)}}},
                         {"generator", generator},
                         {"tokens_per_image", recipe.tokens_per_image()},
                         {"recipe", options.recipe}};
  json.update(made_by(options.seed));
  return json;
}

}  // namespace

void add_flops(CLI::App& app) {
  auto options = std::make_shared<FlopsOptions>();
  auto* command = add_command(app, "flops", "count the floating-point operations of a recipe",
                              "tessera flops --recipe recipes/fashion-mnist.toml");
  command->add_option("--recipe", options->recipe, "TOML recipe")->required();
  command->add_option("--set", options->overrides, "change a setting: table.key=value");
  command->add_option("--classes", options->classes, "classes of the generator")
      ->transform(whole_number(1, 1 << 24));
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = count_flops(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-") std::cout << result.dump(2) << "\n";
  });
}

}  // namespace tessera::cli
