#include "engine/bench_image_decoder.h"

#include <cstdio>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_bench_image_decoder(CLI::App& bench) {
  auto options = std::make_shared<ImageDecoderBenchOptions>();
  auto* command =
      add_command(bench, "image-decoder", "the engine's decoder, tokens to pixels",
                  "tessera-lite bench image-decoder --size 256 --batch 8 --weights bf16");
  command->add_option("--size", options->size, "pixels per side, a multiple of 16")
      ->transform(whole_number(16, kLargestSide))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "images of a run")
      ->transform(whole_number(1, 65536))
      ->capture_default_str();
  command->add_option("--weights", options->weights, "bf16 or float32")->capture_default_str();
  command->add_option("--runs", options->runs, "runs measured")
      ->transform(whole_number(3, 10000))
      ->capture_default_str();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = bench_image_decoder(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    const auto number = [&](const char* key) { return result[key].get<double>(); };
    std::printf("%.2f images/s: %.0f of %.0f GFLOP/s, %.0f%%\n", number("rows_per_second"),
                number("flops_per_second") / 1e9, number("peak_flops_per_second") / 1e9,
                100 * number("share"));
  });
}

}  // namespace tessera::cli
