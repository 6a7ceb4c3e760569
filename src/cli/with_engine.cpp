#include "cli/engine_commands.h"
#include "engine/sample.h"

namespace tessera::cli {

SampleBackend engine_backend() { return sample_with_engine; }

void add_engine_commands(CLI::App& app) {
  add_info(app);
  add_quantize(app);
}

void add_engine_benchmarks(CLI::App& bench) {
  add_bench_decode(bench);
  add_bench_image_decoder(bench);
}

}  // namespace tessera::cli
