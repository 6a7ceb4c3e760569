#include <iostream>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_decode(CLI::App& app, const DecodeBackend& decode, bool devices) {
  auto options = std::make_shared<DecodeOptions>();
  auto* command =
      add_command(app, "decode", "turn tokens back into images",
                  "tessera decode --tokenizer runs/tokenizer --tokens runs/valid.safetensors "
                  "--out runs/decoded");
  command->add_option("--tokenizer", options->tokenizer, "model folder")->required();
  command->add_option("--tokens", options->tokens, "token file, or .npy of whole numbers [N, T]")
      ->required();
  command
      ->add_option("--out", options->out,
                   "new or empty folder for PNG files; with --raw a .npy file")
      ->required();
  command->add_flag("--raw", options->raw, "write float32 [N, 3, H, W] instead of PNG files");
  add_run_options(command, *options);
  if (devices) add_device_option(command, *options);
  command->callback([options, decode] {
    const auto result = decode(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["images"] << " images\n";
  });
}

}  // namespace tessera::cli
