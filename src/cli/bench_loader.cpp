#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/data_option.h"
#include "dataset/describe.h"

namespace tessera::cli {

void add_bench_loader(CLI::App& bench) {
  auto options = std::make_shared<LoaderBenchOptions>();
  auto* command = add_command(bench, "loader", "measure how fast training batches are read",
                              "tessera bench loader --data fashion-mnist --size 28 --threads 1");
  add_data_option(command, options->data, "images")->required();
  command->add_option("--batch", options->batch_size, "images per batch")
      ->transform(whole_number(1, 65536))
      ->capture_default_str();
  command->add_option("--size", options->image_size, "pixels per side")
      ->transform(whole_number(4, kLargestSide))
      ->capture_default_str();
  command->add_option("--images", options->most_images, "images of the set to use, at most")
      ->transform(whole_number(1))
      ->capture_default_str();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = bench_loader(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << "decoding " << result["decode_images_per_second"] << " images/s, from the cache "
                << result["images_per_second"] << " images/s (" << result["milliseconds_per_batch"]
                << " ms a batch)\n";
  });
}

}  // namespace tessera::cli
