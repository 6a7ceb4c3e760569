#include "cli/command.h"

namespace tessera::cli {

void add_export(CLI::App& app) {
  auto* parent = app.add_subcommand("export", "turn model folders into what others read");
  parent->require_subcommand(1);
  add_export_pipeline(*parent);
}

}  // namespace tessera::cli
