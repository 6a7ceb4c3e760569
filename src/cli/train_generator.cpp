#include "generator/train_generator.h"

#include <iostream>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_train_generator(CLI::App& train) {
  auto options = std::make_shared<TrainGeneratorOptions>();
  auto* command = add_command(
      train, "generator", "stage 2: learn to predict an image's tokens",
      "tessera train generator --recipe recipes/fashion-mnist.toml --tokens runs/train.safetensors "
      "--valid-tokens runs/valid.safetensors --out runs/generator");
  command->add_option("--recipe", options->recipe, "TOML recipe")->required();
  command->add_option("--tokens", options->tokens, "token file to learn")->required();
  command->add_option("--valid-tokens", options->valid_tokens,
                      "held-out tokens; without them data.valid_fraction of --tokens is held out");
  command->add_option("--out", options->out, "model folder to write: no model's or other run's")
      ->required();
  command->add_option("--preset", options->preset, "LlamaGen's shape instead of the recipe's")
      ->transform(one_of({"B", "L", "XL", "XXL", "3B"}));
  command->add_option("--set", options->overrides, "change a setting: table.key=value");
  command->add_option("--steps", options->steps, "instead of the recipe's")
      ->transform(whole_number(1));
  command->add_option("--init", options->init,
                      "model folder of a generator whose weights training starts from");
  command->add_option(
      "--branch", options->branch,
      "go on from the last checkpoint of this model folder, trained alike but for "
      "steps and decay: one long run at a constant rate gives models of many lengths");
  command->add_flag(
      "--resume", options->resume,
      "go on where the run in --out stopped, with the same data and settings; begins one "
      "where there is none");
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = train_generator(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    const auto& valid = result["valid"];
    std::cout << options->out << ": " << result["steps"] << " steps";
    if (valid.contains("nats_per_token"))
      std::cout << ", held-out nats per token " << valid["nats_per_token"] << ", predictability "
                << valid["predictability"];
    std::cout << "\n";
  });
}

}  // namespace tessera::cli
