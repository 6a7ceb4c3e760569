#include "cli/command.h"
#include "cli/split_option.h"
#include "metrics/evaluation.h"

namespace tessera::cli {

void add_evaluate_generation(CLI::App& evaluate) {
  auto options = std::make_shared<EvaluateGenerationOptions>();
  auto* command =
      add_command(evaluate, "generation", "how generated images compare with real ones",
                  "tessera evaluate generation --real fashion-mnist-test --generated samples/ "
                  "--train fashion-mnist --features runs/features --json -");
  command->add_option("--real", options->real, "held-out real images, as --data of `data info`")
      ->required();
  command->add_option("--generated", options->generated, "generated images")->required();
  command->add_option("--train", options->train,
                      "training images, for the distance to the nearest one; with --split valid "
                      "their training part");
  add_split_option(command, options->split);
  command->add_option("--features", options->features,
                      "feature network for fd, precision, recall, density and coverage");
  command
      ->add_option("--protocol", options->protocol,
                   "generated images to use: all, or exactly a number such as 10k")
      ->capture_default_str();
  command
      ->add_option("--size", options->image_size,
                   "pixels per side; 0 is what the features were trained on, else 32")
      ->transform(whole_number(0, kLargestSide))
      ->capture_default_str();
  command
      ->add_option("--nearest-images", options->nearest_images,
                   "generated and held-out images looked up among the training images")
      ->transform(whole_number(1, INT64_MAX))
      ->capture_default_str();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] { run_evaluate_generation(*options); });
}

}  // namespace tessera::cli
