#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "import/export_model.h"

namespace tessera::cli {
namespace {

void add_llamagen(CLI::App& parent, const std::string& kind, const std::string& description,
                  nlohmann::json (*run)(const ExportOptions&)) {
  auto options = std::make_shared<ExportOptions>();
  auto* command = add_command(parent, kind, description,
                              "tessera export " + kind + " runs/model --out model.pt");
  command->add_option("folder", options->folder, "model folder")->required();
  command->add_option("--out", options->out, "file to write: .pt or .safetensors")->required();
  add_run_options(command, *options);
  command->callback([options, run] {
    const auto result = run(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["tensors"] << " tensors\n";
  });
}

}  // namespace

void add_export(CLI::App& app) {
  auto* parent = app.add_subcommand("export", "turn model folders into what others read");
  parent->require_subcommand(1);
  add_llamagen(*parent, "llamagen-vq", "a tokenizer, as LlamaGen's scripts load it",
               export_llamagen_vq);
  add_llamagen(*parent, "llamagen-gpt", "a generator, as LlamaGen's scripts load it",
               export_llamagen_gpt);
  add_export_pipeline(*parent);
}

}  // namespace tessera::cli
