#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "engine/describe_model.h"

namespace tessera::cli {
namespace {

struct InfoOptions : RunOptions {
  std::string folder;
};

}  // namespace

void add_info(CLI::App& app) {
  auto options = std::make_shared<InfoOptions>();
  auto* command = add_command(app, "info", "what a model folder or a pipeline holds",
                              "tessera info runs/generator");
  command->add_option("folder", options->folder, "model folder or pipeline")->required();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = describe_model(options->folder);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-") std::cout << json_text(result, 2) << "\n";
  });
}

}  // namespace tessera::cli
