#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "generator/evaluate.h"

namespace tessera::cli {

void add_logits(CLI::App& app) {
  auto options = std::make_shared<LogitsOptions>();
  auto* command =
      add_command(app, "logits", "write a generator's teacher-forced logits, float32 [N, T, V]",
                  "tessera logits --generator runs/generator --tokens runs/valid.safetensors "
                  "--out runs/logits.npy");
  command->add_option("--generator", options->generator, "model folder")->required();
  command->add_option("--tokens", options->tokens, "token file, or .npy of whole numbers [N, T]")
      ->required();
  command->add_option(
      "--classes", options->classes,
      "one for all sequences or one for each, names or numbers; default: the token file's labels");
  command->add_option("--out", options->out, ".npy file to write")->required();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = write_logits(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["shape"].dump() << "\n";
  });
}

}  // namespace tessera::cli
