#include "training/training_run.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "base/settings.h"
#include "recipe/recipe.h"
#include "training/run_identity.h"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

// The settings of a checkpoint; those that did not exist yet when it was written had their default.
nlohmann::json settings_in(const SafetensorsFile& checkpoint) {
  auto settings = nlohmann::json::parse(checkpoint.metadata_at("settings"), nullptr, false);
  if (settings.is_discarded()) throw FileError(checkpoint.path(), "metadata is not JSON");
  if (settings.is_object() && settings.contains("recipe"))
    settings["recipe"] =
        to_json(recipe_from_json(settings["recipe"], checkpoint.path().string() + ": settings"));
  return settings;
}

// What a checkpoint says as JSON; null where it is older than the key.
nlohmann::json json_in(const SafetensorsFile& checkpoint, const char* key) {
  const auto& metadata = checkpoint.metadata();
  const auto found = metadata.find(key);
  if (found == metadata.end()) return nullptr;
  auto json = nlohmann::json::parse(found->second, nullptr, false);
  if (json.is_discarded()) throw FileError(checkpoint.path(), "metadata is not JSON");
  return json;
}

template <typename T>
T number_in(const SafetensorsFile& checkpoint, const char* key) {
  T number = 0;
  const auto& text = checkpoint.metadata_at(key);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw FileError(checkpoint.path(),
                    std::string("metadata '") + key + "' is not a number: " + text);
  return number;
}

class Loop {
 public:
  Loop(Trainer& trainer, const TrainingRun& run, const TrainingFolder& folder)
      : trainer_(trainer),
        run_(run),
        folder_(folder),
        checkpoint_(folder.checkpoint()),
        good_(folder.good()),
        metrics_(folder.metrics()),
        machine_(this_machine(run.device)) {}

  nlohmann::json run() {
    start_ = Clock::now();
    fs::exists(checkpoint_) ? restore() : begin();
    Progress progress(run_.stage, run_.steps, run_.quiet, "images", run_.items_per_step, step_);
    while (step_ < run_.steps) {
      if (interrupted()) stop(progress);
      try {
        step();
      } catch (const Diverged& cause) {
        roll_back(cause, progress);
      }
      progress.update(step_, values_);
    }
    progress.finish();
    if (valid_.empty()) validate();
    return {{"steps", step_}, {"seconds", seconds()}, {"valid", valid_}};
  }

 private:
  static nlohmann::json as_json(const Progress::Values& values) {
    auto json = nlohmann::json::object();
    for (const auto& [name, value] : values) json[name] = value;
    return json;
  }

  void begin() {
    check_disk();
    folder_.begin();
    run_.branch_of.empty() ? open_log() : take_over(run_.branch_of);
    if (trainer_.healthy()) write_checkpoint(good_);
  }

  // Begins where another run's last checkpoint is.
  void take_over(const fs::path& other) {
    const auto path = other / "training" / "checkpoint.safetensors";
    if (!fs::exists(path)) throw FileError(other, "holds no checkpoint to go on from");
    const auto file = SafetensorsFile::open(path);
    check_seed(file, other);
    if (const auto log = other / "metrics.jsonl"; fs::exists(log)) fs::copy_file(log, metrics_);
    run_.check_branch(settings_in(file), number_in<std::int64_t>(file, "step"));
    seconds_before_ = load(file, path);
  }

  // A model and a checkpoint, and the state to go back to, if there is one.
  void check_disk() const {
    std::uintmax_t bytes = 0;
    for (const auto& [name, tensor] : trainer_.state())
      bytes += static_cast<std::uintmax_t>(tensor.numel()) *
               static_cast<std::uintmax_t>(tensor.element_size());
    check_room(run_.folder, trainer_.healthy() ? 2 * bytes : bytes);
  }

  void check_seed(const SafetensorsFile& checkpoint, const fs::path& folder) const {
    if (checkpoint.metadata_at("seed") != std::to_string(run_.seed))
      throw Error(folder.string() + " was trained with --seed " + checkpoint.metadata_at("seed"));
  }

  void step() {
    const bool report = (step_ + 1) % run_.log_every == 0 || step_ + 1 == run_.steps || step_ == 0;
    torch::manual_seed(mix({run_.seed, static_cast<std::uint64_t>(step_)}));
    auto reported = trainer_.step(step_, report);
    ++step_;
    if (report) values_ = reported, log("train", as_json(values_));
    if (step_ % run_.valid_every == 0 || step_ == run_.steps) validate();
    if (!is_scheduled()) return;
    save();
    if (trainer_.healthy()) keep_as_good();
  }

  // The roll-back points are the same whether or not a run was interrupted in between.
  bool is_scheduled() const { return step_ % run_.checkpoint_every == 0 || step_ == run_.steps; }

  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }

  void log(const char* kind, const nlohmann::json& values) {
    errno = 0;
    log_ << nlohmann::json{{"step", step_}, {"seconds", seconds()}, {kind, values}}.dump() << '\n'
         << std::flush;
    if (!log_)
      throw FileError(metrics_,
                      std::string("cannot be written: ") + std::strerror(errno ? errno : ENOSPC));
  }

  void validate() {
    valid_ = trainer_.validate();
    if (!valid_.empty()) log("valid", valid_);
  }

  void save() {
    trainer_.write_model(run_.folder);
    write_checkpoint(checkpoint_);
    folder_.has_checkpoint();
  }

  void write_checkpoint(const fs::path& path) {
    write_tensors(path, trainer_.state(),
                  {{"step", std::to_string(step_)},
                   {"seconds", std::to_string(seconds())},
                   {"seed", std::to_string(run_.seed)},
                   {"valid", valid_.dump()},
                   {"settings", run_.settings.dump()},
                   {"images", run_.images.dump()},
                   {"machine", machine_.dump()}});
  }

  // The checkpoint under a second name, which stays when the first gets the next one: a link, or a
  // copy where the file system has no links.
  void keep_as_good() {
    const auto fresh = temporary_name(good_);
    std::error_code no_link;
    fs::create_hard_link(checkpoint_, fresh, no_link);
    if (no_link) fs::copy_file(checkpoint_, fresh);
    fs::rename(fresh, good_);
    fs::remove(fresh);  // still there if both names were the same file's already
  }

  void roll_back(const Diverged& cause, Progress& progress) {
    if (!fs::exists(good_))
      throw Error(std::string(cause.what()) +
                  "; train anew with a lower learning rate, in another --out");
    const auto from = step_;
    load(SafetensorsFile::open(good_), good_);
    const auto lowered = trainer_.recover(cause, from);
    save();
    keep_as_good();
    log("roll_back", {{"from", from}, {"cause", cause.what()}, {"lowered", lowered}});
    progress.note("step " + std::to_string(from) + ": " + cause.what() + "; back to step " +
                  std::to_string(step_) + ", " + lowered);
  }

  void stop(Progress& progress) {
    save();
    progress.note("stopped at step " + std::to_string(step_) + "; go on with --resume");
    throw Interrupted("interrupted, a checkpoint is in " + run_.folder.string());
  }

  void restore() {
    const auto file = SafetensorsFile::open(checkpoint_);
    check_same_run(file);
    check_seed(file, run_.folder);
    seconds_before_ = load(file, checkpoint_);
    // What was under way when the run was killed.
    if (is_scheduled() && trainer_.healthy()) keep_as_good();
  }

  void check_same_run(const SafetensorsFile& file) const {
    const auto path = run_.folder.string();
    if (const auto what =
            difference_of_settings(run_.settings, settings_in(file), run_.free_settings);
        !what.empty())
      throw Error(path + " was trained with other settings: " + what);
    if (const auto images = json_in(file, "images"); images.is_object() && !run_.images.is_null()) {
      if (const auto what = difference_of_images(run_.images, images); !what.empty())
        throw Error(path + " was trained on other images: " + what);
    } else if (!run_.images.is_null() && !run_.quiet) {
      say("warning: " + path +
          ": its checkpoint is older than this version and does not say which images it was "
          "trained on");
    }
    const auto machine = json_in(file, "machine");
    if (!machine.is_object() || run_.quiet) return;
    if (const auto what = difference_of_machines(machine_, machine); !what.empty())
      say("warning: " + path + " goes on with " + what +
          ": its result may differ in the last bits from that of a run that was never stopped");
  }

  // Goes on from a checkpoint; returns the seconds that led to it.
  double load(const SafetensorsFile& file, const fs::path& path) {
    step_ = number_in<std::int64_t>(file, "step");
    const auto seconds = number_in<double>(file, "seconds");
    valid_ = nlohmann::json::parse(file.metadata_at("valid"), nullptr, false);
    if (valid_.is_discarded()) throw FileError(path, "metadata is not JSON");
    trainer_.load_state(read_tensors(file), path.string());
    forget_later_metrics();
    return seconds;
  }

  // Lines written after the checkpoint describe steps that will be taken again.
  void forget_later_metrics() {
    std::ifstream old(metrics_);
    std::string kept;
    for (std::string line; std::getline(old, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.is_object() && json.value("step", step_ + 1) <= step_) kept += line + "\n";
    }
    write_file(metrics_, kept);
    open_log();
  }

  void open_log() {
    log_.close();
    log_.open(metrics_, std::ios::app);
  }

  Trainer& trainer_;
  const TrainingRun& run_;
  const TrainingFolder& folder_;
  fs::path checkpoint_, good_, metrics_;
  nlohmann::json machine_;
  std::ofstream log_;
  std::int64_t step_ = 0;
  double seconds_before_ = 0;
  nlohmann::json valid_ = nlohmann::json::object();
  Progress::Values values_;  // last reported
  Clock::time_point start_;
};

}  // namespace

nlohmann::json run_training(Trainer& trainer, const TrainingRun& run,
                            const TrainingFolder& folder) {
  return Loop(trainer, run, folder).run();
}

nlohmann::json run_training(Trainer& trainer, const TrainingRun& run) {
  const TrainingFolder folder(run.folder, run.resume, run.quiet);
  return run_training(trainer, run, folder);
}

}  // namespace tessera
