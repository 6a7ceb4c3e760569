#include "metrics/bench_train.h"

#include <iostream>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_bench_train(CLI::App& bench) {
  auto options = std::make_shared<TrainBenchOptions>();
  auto* command = add_command(bench, "train", "measure the speed of a training step",
                              "tessera bench train --shape vq16-256 --steps 5 --json -");
  command->add_option("--shape", options->shape, "vq16-256, generator-b or a recipe")->required();
  command->add_option("--stage", options->stage, "which model of a recipe")
      ->transform(one_of({"tokenizer", "generator"}))
      ->capture_default_str();
  command
      ->add_option("--batch", options->batch, "images or sequences per step; 0 is the shape's own")
      ->transform(whole_number(0, 1 << 20))
      ->capture_default_str();
  command->add_option("--steps", options->steps, "steps to measure")
      ->transform(whole_number(1))
      ->capture_default_str();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = bench_train(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    std::cout << result["steps_per_second"].get<double>() << " steps/s, "
              << result["flops_per_second"].get<double>() / 1e9 << " GFLOP/s of useful work, "
              << result["share"].get<double>() * 100 << "% of a matrix product's, "
              << result["peak_rss_bytes"].get<double>() / 1e9 << " GB resident\n";
  });
}

}  // namespace tessera::cli
