#pragma once

#include "cli/command.h"

namespace tessera::cli {

// What the program has of the engine. A build with TESSERA_ENGINE=OFF links without_engine.cpp, in
// which the backend is empty and no command is added.

/// Generates with the engine; empty in a program without it.
SampleBackend engine_backend();
/// info and quantize.
void add_engine_commands(CLI::App& app);
/// bench decode and bench image-decoder.
void add_engine_benchmarks(CLI::App& bench);

}  // namespace tessera::cli
