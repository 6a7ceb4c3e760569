#include "demo/demo.h"

#include <iostream>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_demo(CLI::App& app) {
  auto options = std::make_shared<DemoOptions>();
  auto* command = add_command(
      app, "demo", "the whole path on real images: two tokenizers, two generators, a report",
      "tessera demo --out demo");
  command->add_flag("--quick", options->quick, "walk the whole path in 90 seconds");
  command->add_option("--out", options->out, "folder for models, pictures and report.html")
      ->capture_default_str();
  command->add_option("--recipe", options->recipe, "TOML recipe; default is fashion-mnist's");
  command->add_option("--data", options->data, "training images");
  command->add_option("--held-out", options->held_out, "test images");
  command->add_flag("--search", options->search,
                    "measure on held-out training images: to choose settings by");
  command->add_option("--arm", options->arms,
                      "\"name: table.key=value ...\", repeated; default is plain and CRT");
  command->add_option("--features", options->features,
                      "folder that holds or gets the two feature networks");
  command->add_option("--samples", options->samples, "images drawn per arm")
      ->transform(whole_number(100, 1000000));
  command->add_option("--guidance", options->guidance, "scales of guidance to try")
      ->transform(number_from(0));
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto results = run_demo(*options);
    write_results(options->json, results);
    if (!options->quiet && options->json != "-")
      std::cout << "The report is "
                << fs::absolute(fs::path(options->out) / "report.html").lexically_normal().string()
                << "\n";
  });
}

}  // namespace tessera::cli
