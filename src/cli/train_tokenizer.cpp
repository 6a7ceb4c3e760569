#include "tokenizer/train_tokenizer.h"

#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/data_option.h"

namespace tessera::cli {

void add_train_tokenizer(CLI::App& train) {
  auto options = std::make_shared<TrainTokenizerOptions>();
  auto* command = add_command(
      train, "tokenizer", "stage 1: learn to turn images into tokens",
      "tessera train tokenizer --recipe recipes/fashion-mnist.toml --data fashion-mnist "
      "--features runs/features --out runs/tokenizer");
  command->add_option("--recipe", options->recipe, "TOML recipe")->required();
  add_data_option(command, options->data, "training images")->required();
  command->add_option("--valid-data", options->valid_data,
                      "held-out images; without it data.valid_fraction of --data is held out");
  command->add_option("--features", options->features,
                      "network of the perceptual loss: features of `train features`, or LPIPS");
  command->add_option("--out", options->out, "model folder to write: no model's or other run's")
      ->required();
  command->add_option("--set", options->overrides, "change a setting: table.key=value");
  command->add_option("--steps", options->steps, "instead of the recipe's")
      ->transform(whole_number(1));
  command->add_option("--init", options->init,
                      "model folder of a tokenizer whose weights training starts from");
  command
      ->add_option("--freeze", options->freeze,
                   "parts that do not learn: encoder, quantizer, decoder, with commas between")
      ->delimiter(',');
  command->add_flag(
      "--resume", options->resume,
      "go on where the run in --out stopped, with the same data and settings; begins one "
      "where there is none");
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = train_tokenizer(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-") std::cout << result["valid"].dump() << "\n";
  });
}

}  // namespace tessera::cli
