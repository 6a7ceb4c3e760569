#include "engine/bench_decode.h"

#include <cstdio>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_bench_decode(CLI::App& bench) {
  auto options = std::make_shared<DecodeBenchOptions>();
  auto* command = add_command(bench, "decode", "the engine's step from token to token",
                              "tessera-lite bench decode --preset B --weights bf16 --rows 2");
  command->add_option("--preset", options->preset, "B, L, XL, XXL or 3B")->capture_default_str();
  command->add_option("--weights", options->weights, "float32, bf16, int8 or int4")
      ->capture_default_str();
  command->add_option("--cache", options->cache, "float32, bf16, int8; auto: as weights")
      ->capture_default_str();
  command
      ->add_option("--rows", options->rows,
                   "sequences stepped together; an image with guidance is two")
      ->transform(whole_number(1, 4096))
      ->capture_default_str();
  command->add_option("--steps", options->steps, "steps measured")
      ->transform(whole_number(20, 100000))
      ->capture_default_str();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = bench_decode(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    const auto number = [&](const char* key) { return result[key].get<double>(); };
    std::printf("%s, %s weights, %d rows: %.0f rows/s, %.0f%% of the limit (%s)\n",
                options->preset.c_str(), options->weights.c_str(), options->rows,
                number("rows_per_second"), 100 * number("share"),
                result["bound_by"].get<std::string>().c_str());
    std::printf("reads %.1f of %.1f GB/s, computes %.0f of %.0f GFLOP/s\n",
                number("weight_bytes_per_second") / 1e9, number("read_bytes_per_second") / 1e9,
                number("flops_per_second") / 1e9, number("peak_flops_per_second") / 1e9);
  });
}

}  // namespace tessera::cli
