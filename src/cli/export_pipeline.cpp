#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "generator/pipeline.h"

namespace tessera::cli {

void add_export_pipeline(CLI::App& parent) {
  auto options = std::make_shared<ExportPipelineOptions>();
  auto* command =
      add_command(parent, "pipeline", "a generator and its tokenizer as one folder to hand on",
                  "tessera export pipeline --generator runs/generator --tokenizer runs/tokenizer "
                  "--out runs/pipeline");
  command->add_option("--generator", options->generator, "model folder")->required();
  command->add_option("--tokenizer", options->tokenizer, "model folder of its tokenizer")
      ->required();
  command->add_option("--out", options->out, "folder to write, new or empty")->required();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = export_pipeline(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": ready for tessera sample --pipeline\n";
  });
}

}  // namespace tessera::cli
