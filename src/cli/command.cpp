#include "cli/command.h"

#include <algorithm>
#include <thread>

#include "base/output.h"
#include "base/progress.h"

namespace tessera::cli {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example) {
  auto* command = parent.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  return command;
}

namespace {

// More threads than cores wait for each other: with LibTorch hundreds of times as long.
CLI::Validator no_more_than_cores(const CLI::App* command) {
  return {[command](std::string& threads) -> std::string {
            const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
            if (std::stoi(threads) <= cores) return "";
            if (command->count("--quiet") == 0)
              say("--threads is " + threads + ", but there are " + std::to_string(cores) +
                  " cores: " + std::to_string(cores) + " threads are used");
            threads = std::to_string(cores);
            return "";
          },
          ""};
}

}  // namespace

void add_run_options(CLI::App* command, RunOptions& options) {
  command->add_option("--threads", options.threads, "threads to use; 0 is all cores")
      ->transform(no_more_than_cores(command))
      ->transform(whole_number(0, 4096))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "fixes every random number of the run")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command->add_flag("--quiet", options.quiet, "print errors only");
  command->add_option("--json", options.json, "write the results here; - is standard output")
      ->each([](const std::string& path) { check_output_file(path); });  // before any work
}

void add_device_option(CLI::App* command, RunOptions& options) {
  command->add_option("--device", options.device, "where the models run")
      ->transform(one_of({"cpu", "cuda"}))
      ->capture_default_str();
}

}  // namespace tessera::cli
