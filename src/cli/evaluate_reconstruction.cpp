#include "cli/command.h"
#include "cli/data_option.h"
#include "cli/split_option.h"
#include "metrics/evaluation.h"

namespace tessera::cli {

void add_evaluate_reconstruction(CLI::App& evaluate) {
  auto options = std::make_shared<EvaluateReconstructionOptions>();
  auto* command = add_command(evaluate, "reconstruction",
                              "what a tokenizer loses: PSNR, SSIM, FD, codebook use",
                              "tessera evaluate reconstruction --tokenizer runs/tokenizer "
                              "--data fashion-mnist-test --features runs/features --json -");
  command->add_option("--tokenizer", options->tokenizer, "model folder")->required();
  add_data_option(command, options->data, "images")->required();
  add_split_option(command, options->split);
  command->add_option("--features", options->features,
                      "feature network for fd; take one that no loss has used");
  command->add_option("--limit", options->limit, "images, evenly spread; 0 is all")
      ->transform(whole_number(0, INT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--image-size", options->image_size,
                   "pixels per side, a multiple of the tokenizer's downsampling; 0 is its recipe's")
      ->transform(whole_number(0, kLargestSide))
      ->capture_default_str();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] { run_evaluate_reconstruction(*options); });
}

}  // namespace tessera::cli
