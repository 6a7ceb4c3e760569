#include <algorithm>
#include <iomanip>
#include <iostream>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/output.h"
#include "base/processes.h"
#include "base/progress.h"
#include "base/settings.h"
#include "cli/command.h"
#include "experiment/study_experiment.h"
#include "study/work.h"
#include "training/device.h"

namespace tessera::cli {
namespace {

struct StudyRunOptions : RunOptions {
  std::string file, out;
  std::vector<std::string> data, held_out;
  bool dry_run = false;
  int workers = 0;
  double flops_per_second = 1e11;
};

SweepFile read(const StudyRunOptions& options) {
  auto file = read_sweep_file(options.file);
  if (!options.data.empty()) file.data = options.data;
  if (!options.held_out.empty()) file.held_out = options.held_out;
  if (file.data.empty()) throw FileError(options.file, "names no images: add data, or give --data");
  return file;
}

int worker_count(const StudyRunOptions& options) {
  if (options.workers > 0) return options.workers;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Whether its result is in the folder already.
bool is_done(const StudyRunOptions& options, const PlannedRun& run) {
  return StudyFolder(options.out).is_done(run.id);
}

nlohmann::json totals(const SweepFile& file, const Plan& plan, const ImageCounts& images,
                      const StudyRunOptions& options) {
  std::map<std::string, nlohmann::json> kinds;
  RunCost all;
  double longest = 0, left = 0;
  int done = 0;
  for (const auto& run : plan.runs) {
    const auto cost = cost_of(file, run, images);
    all.flops += cost.flops;
    all.bytes += cost.bytes;
    longest = std::max(longest, cost.flops);
    if (is_done(options, run))
      ++done;
    else
      left += cost.flops;
    auto& kind = kinds[to_json(run.kind).get<std::string>()];
    if (kind.is_null()) kind = nlohmann::json::object();
    kind["runs"] = kind.value("runs", 0) + 1;
    kind["flops"] = kind.value("flops", 0.0) + cost.flops;
  }
  const double speed = options.flops_per_second * worker_count(options);
  return {{"runs", plan.runs.size()},
          {"runs_done", done},
          {"kinds", kinds},
          {"flops", all.flops},
          {"bytes", all.bytes},
          {"seconds", all.flops / speed},
          {"seconds_left", left / speed},
          {"seconds_longest_run", longest / options.flops_per_second}};
}

void print(const Plan& plan, const SweepFile& file, const nlohmann::json& sum,
           const ImageCounts& images, const StudyRunOptions& options) {
  for (const auto& run : plan.runs) {
    const double flops = cost_of(file, run, images).flops;
    std::cout << run.id << "  " << to_json(run.kind).get<std::string>();
    if (run.kind != RunKind::features) std::cout << "  " << run.design;
    if (run.kind == RunKind::generator) std::cout << " | " << run.generator;
    if (run.kind != RunKind::features)
      std::cout << " | " << seed_text(run) << "  " << std::setprecision(3) << flops / 1e12
                << " TFLOP, " << format_duration(flops / options.flops_per_second);
    std::cout << "\n";
  }
  std::cout << sum["runs"] << " runs, " << sum["flops"].get<double>() / 1e12
            << " TFLOP: " << format_duration(sum["seconds"].get<double>()) << " with "
            << worker_count(options) << " workers at " << options.flops_per_second / 1e9
            << " GFLOP/s each, the longest run "
            << format_duration(sum["seconds_longest_run"].get<double>()) << "; "
            << sum["bytes"].get<double>() / 1e6
            << " MB on the disk. Feature networks are not counted.\n";
  if (sum["runs_done"] > 0)
    std::cout << sum["runs_done"] << " of them are done in " << options.out << ": "
              << format_duration(sum["seconds_left"].get<double>()) << " left.\n";
}

// What the folder was made with, for people and for `study fit`.
void record(const StudyFolder& folder, const SweepFile& file, const Plan& plan,
            const ImageCounts& images) {
  auto runs = nlohmann::json::array();
  for (const auto& run : plan.runs) {
    runs.push_back(to_json(run));
    runs.back()["flops"] = cost_of(file, run, images).flops;
  }
  write_json(folder.root() / "study.json", to_json(file));
  write_json(folder.root() / "plan.json", runs);
}

void run(const StudyRunOptions& options) {
  const auto file = read(options);
  const auto plan = make_plan(file, inputs_of(file));
  const auto images = ImageCounts::of(file);
  const auto sum = totals(file, plan, images, options);
  if (!options.quiet && options.json != "-") print(plan, file, sum, images, options);
  if (options.dry_run) return write_results(options.json, sum);
  // Other workers may be at it: each run is claimed, not the folder.
  for (const char* folder : {"", "results", "failed", "models"})
    check_output_file(fs::path(options.out) / folder / "study.json");
  // A machine without the device would fail every run. In a process of its own, since LibTorch's
  // threads do not survive a fork.
  run_in_processes({{"this machine", [&] { open_device(options); }}}, 1);
  const StudyFolder folder(options.out);
  record(folder, file, plan, images);
  RunOptions each;
  each.threads = options.threads > 0
                     ? options.threads
                     : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) /
                                       worker_count(options));
  each.device = options.device;
  each.quiet = options.quiet;
  const auto done = work(
      plan, folder,
      {.workers = worker_count(options),
       .quiet = options.quiet,
       .execute =
           [&](const PlannedRun& one) { return run_study_experiment(file, folder, one, each); },
       .cost = [&](const PlannedRun& one) { return cost_of(file, one, images); }});
  write_results(options.json,
                {{"done", done.done}, {"failed", done.failed}, {"blocked", done.blocked}});
  if (done.failed > 0)
    throw Error(std::to_string(done.failed) + " of " + std::to_string(plan.runs.size()) +
                " runs failed: " + (folder.root() / "failed").string() +
                " says why; remove a file there to have its run tried again");
}

}  // namespace

void add_study_run(CLI::App& study) {
  auto options = std::make_shared<StudyRunOptions>();
  auto* command = add_command(
      study, "run", "train and measure everything that a sweep file asks for",
      "tessera study run studies/cifar10/study.toml --data \"cifar10/train-*.tar\" --held-out "
      "\"cifar10/test-*.tar\" --out runs/cifar10");
  command->add_option("file", options->file, "TOML sweep file (docs/formats/sweep.md)")->required();
  command
      ->add_option("--out", options->out,
                   "folder of the study. The same command goes on where it was stopped or killed; "
                   "several machines may run it on a shared folder. failed/ in it holds the errors "
                   "of runs that failed: remove one to have its run tried again")
      ->required();
  command->add_option("--data", options->data, "training images, instead of the file's");
  command->add_option("--held-out", options->held_out, "images to measure, instead of the file's");
  command->add_flag("--dry-run", options->dry_run,
                    "print the plan, its FLOPs, time and disk, and do nothing");
  command->add_option("--workers", options->workers, "runs at a time; 0 is one for each core")
      ->transform(whole_number(0, 4096));
  command
      ->add_option("--flops-per-second", options->flops_per_second,
                   "speed of a worker, for the time that --dry-run tells")
      ->transform(number_above(0))
      ->capture_default_str();
  add_run_options(command, *options);
  command->remove_option(command->get_option("--seed"));  // the file has them
  command->get_option("--threads")
      ->description("threads of each run; 0 shares the cores among the workers");
  add_device_option(command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace tessera::cli
