#include <algorithm>
#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/data_option.h"
#include "dataset/describe.h"

namespace tessera::cli {
namespace {

void print_check(const nlohmann::json& info) {
  constexpr std::size_t kMostLines = 20;
  const auto& corrupt = info["corrupt"];
  std::cout << corrupt.size() << " corrupt images\n";
  for (std::size_t i = 0; i < std::min(corrupt.size(), kMostLines); ++i)
    std::cout << "  " << corrupt[i].get<std::string>() << "\n";
  if (corrupt.size() > kMostLines)
    std::cout << "  and " << corrupt.size() - kMostLines << " more (--json lists all)\n";
  if (info["end_mark_missing"] > 0)
    std::cout << info["end_mark_missing"] << " images lack their end mark alone, and are read\n";
}

void print_info(const nlohmann::json& info) {
  std::cout << info["images"] << " images in " << info["classes"].size() << " classes; "
            << info["train_images"] << " for training, " << info["valid_images"] << " held out\n";
  if (const auto& sizes = info["stored_sizes"]; !sizes.is_null())
    std::cout << "stored from " << sizes["smallest"][0] << " x " << sizes["smallest"][1] << " to "
              << sizes["largest"][0] << " x " << sizes["largest"][1] << " pixels (sample of "
              << sizes["sampled"] << ")\n";
  for (const auto& one : info["classes"])
    std::cout << "  " << one["name"].get<std::string>() << ": " << one["images"] << "\n";
  for (const auto& warning : info["warnings"])
    std::cout << "warning: " << warning.get<std::string>() << "\n";
  if (info["left_out"] > 0)
    std::cout << info["left_out"] << " hidden or system files and folders left out\n";
  if (info.contains("corrupt")) print_check(info);
}

}  // namespace

void add_data(CLI::App& app) {
  auto* data = app.add_subcommand("data", "look at data sets");
  data->require_subcommand(1);
  auto options = std::make_shared<DataInfoOptions>();
  auto* command = add_command(*data, "info", "count images and classes, and find corrupt ones",
                              "tessera data info --data \"train-*.tar\" --check");
  add_data_option(command, options->data, "images to look at")->required();
  command->add_flag("--check", options->check, "decode every image and list the corrupt ones");
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
