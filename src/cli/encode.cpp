#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/data_option.h"
#include "cli/split_option.h"
#include "tokenizer/apply.h"

namespace tessera::cli {

void add_encode(CLI::App& app) {
  auto options = std::make_shared<EncodeOptions>();
  auto* command =
      add_command(app, "encode", "turn images into a token file",
                  "tessera encode --tokenizer runs/tokenizer --data fashion-mnist --split train "
                  "--out runs/train.safetensors");
  command->add_option("--tokenizer", options->tokenizer, "model folder")->required();
  add_data_option(command, options->data, "images")->required();
  add_split_option(command, options->split);
  command->add_option("--out", options->out, "token file to write")->required();
  command->add_option("--crops", options->crops, "1, or 10: LlamaGen's ten crops")
      ->transform(one_of({"1", "10"}));
  command->add_flag("--flip", options->flip, "encode the mirrored image too");
  command->add_option("--limit", options->limit, "this many images, evenly spread; 0 is all")
      ->transform(whole_number(0));
  command
      ->add_option("--image-size", options->image_size,
                   "pixels per side, a multiple of the tokenizer's downsampling; 0 is its recipe's")
      ->transform(whole_number(0, kLargestSide))
      ->capture_default_str();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = encode_images(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["images"] << " images, code perplexity "
                << result["code_perplexity"] << "\n";
  });
}

}  // namespace tessera::cli
