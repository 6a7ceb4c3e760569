#include "cli/command.h"

#include "base/output.h"

namespace tessera::cli {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example) {
  auto* command = parent.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  return command;
}

void add_run_options(CLI::App* command, RunOptions& options) {
  command->add_option("--threads", options.threads, "threads to use; 0 is all cores")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "fixes every random number of the run")
      ->capture_default_str();
  command->add_flag("--quiet", options.quiet, "print errors only");
  command->add_option("--json", options.json, "write the results here; - is standard output")
      ->each([](const std::string& path) { check_output_file(path); });  // before any work
}

void add_device_option(CLI::App* command, RunOptions& options) {
  command->add_option("--device", options.device, "where the models run")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
}

}  // namespace tessera::cli
