#include "cli/engine_commands.h"

namespace tessera::cli {

SampleBackend engine_backend() { return {}; }
void add_engine_commands(CLI::App&) {}
void add_engine_benchmarks(CLI::App&) {}

}  // namespace tessera::cli
