#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "dataset/describe.h"

namespace tessera::cli {
namespace {

void print_info(const nlohmann::json& info) {
  std::cout << info["images"] << " images in " << info["classes"].size() << " classes; "
            << info["train_images"] << " for training, " << info["valid_images"] << " held out\n";
  if (const auto& sizes = info["stored_sizes"]; !sizes.is_null())
    std::cout << "stored from " << sizes["smallest"][0] << " x " << sizes["smallest"][1] << " to "
              << sizes["largest"][0] << " x " << sizes["largest"][1] << " pixels (sample of "
              << sizes["sampled"] << ")\n";
  for (const auto& one : info["classes"])
    std::cout << "  " << one["name"].get<std::string>() << ": " << one["images"] << "\n";
  if (info.contains("corrupt_images")) std::cout << info["corrupt_images"] << " corrupt images\n";
}

}  // namespace

void add_data(CLI::App& app) {
  auto* data = app.add_subcommand("data", "look at data sets");
  data->require_subcommand(1);
  auto options = std::make_shared<DataInfoOptions>();
  auto* command = add_command(*data, "info", "count images and classes, and find corrupt ones",
                              "tessera data info --data \"train-*.tar\" --check");
  command->add_option("--data", options->data, "folder, tar files, IDX, CIFAR, .npy or a name")
      ->required();
  command->add_flag("--check", options->check, "decode every image and count the corrupt ones");
  command->add_option("--valid-fraction", options->config.valid_fraction, "share that is held out")
      ->transform(number_from(0, 1))
      ->capture_default_str();
  add_run_options(command, *options);
  command->callback([options] {
    const auto info = describe_images(*options);
    write_results(options->json, info);
    if (!options->quiet && options->json != "-") print_info(info);
  });
}

}  // namespace tessera::cli
