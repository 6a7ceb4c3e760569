#pragma once

#include <CLI/CLI.hpp>

namespace tessera::cli {

/// Parses the arguments and runs the command they name; prints errors as one line. Returns the exit
/// code: 0, 2 for bad input or usage, 130 after Ctrl-C, 1 for a fault of ours.
int run_command(CLI::App& app, int argc, char** argv);

}  // namespace tessera::cli
