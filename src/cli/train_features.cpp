#include "features/train_features.h"

#include "cli/command.h"
#include "cli/data_option.h"

namespace tessera::cli {

void add_train_features(CLI::App& train) {
  auto options = std::make_shared<TrainFeaturesOptions>();
  auto* command =
      add_command(train, "features",
                  "train a small classifier for the perceptual loss and the Frechet distance",
                  "tessera train features --data fashion-mnist --out runs/features");
  add_data_option(command, options->data,
                  "images (with one class, it learns to tell quarter turns)")
      ->required();
  command->add_option("--out", options->out, "model folder to write: no model's or other run's")
      ->required();
  command->add_option("--recipe", options->recipe, "recipe whose [data] table is used");
  command->add_option("--size", options->image_size, "pixels per side; 0 is the recipe's")
      ->transform(whole_number(0, kLargestSide))
      ->capture_default_str();
  command
      ->add_option("--width", options->width,
                   "channels of the first level; features are 4 times that")
      ->transform(whole_number(1, 4096))
      ->capture_default_str();
  command->add_option("--steps", options->steps, "optimizer steps")
      ->transform(whole_number(1))
      ->capture_default_str();
  command->add_option("--batch-size", options->batch_size, "images per step")
      ->transform(whole_number(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--learning-rate", options->learning_rate, "peak rate of AdamW")
      ->transform(number_above(0))
      ->capture_default_str();
  command->add_flag(
      "--resume", options->resume,
      "go on where the run in --out stopped, with the same data and settings; begins one "
      "where there is none");
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] { run_train_features(*options); });
}

}  // namespace tessera::cli
