#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/data_option.h"
#include "cli/split_option.h"
#include "tokenizer/apply.h"

namespace tessera::cli {

void add_reconstruct(CLI::App& app) {
  auto options = std::make_shared<ReconstructOptions>();
  auto* command =
      add_command(app, "reconstruct", "show images beside what the tokenizer keeps of them",
                  "tessera reconstruct --tokenizer runs/tokenizer --data fashion-mnist-test "
                  "--out runs/reconstructions.png");
  command->add_option("--tokenizer", options->tokenizer, "model folder")->required();
  add_data_option(command, options->data, "images")->required();
  add_split_option(command, options->split);
  command->add_option("--out", options->out, "PNG to write: each original, then its reconstruction")
      ->required();
  command->add_option("--count", options->count, "images to show")
      ->transform(whole_number(1))
      ->capture_default_str();
  command
      ->add_option("--image-size", options->image_size,
                   "pixels per side, a multiple of the tokenizer's downsampling; 0 is its recipe's")
      ->transform(whole_number(0, kLargestSide))
      ->capture_default_str();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = reconstruct_images(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["images"] << " images\n";
  });
}

}  // namespace tessera::cli
