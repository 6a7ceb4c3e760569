#include "cli/engine_commands.h"
#include "cli/run_command.h"
#include "engine/decode.h"

int main(int argc, char** argv) {
  using namespace tessera::cli;
  CLI::App app("Draws images with models that Tessera trained or imported.", "tessera-lite");
  add_sample(app, {});
  add_decode(app, tessera::decode_with_engine, false);
  add_engine_commands(app);
  auto* bench = app.add_subcommand("bench", "measure the engine beside the machine's limits");
  bench->require_subcommand(1);
  add_engine_benchmarks(*bench);
  return run_command(app, argc, argv);
}
