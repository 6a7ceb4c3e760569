#include "training/training_run.h"

#include <charconv>
#include <chrono>
#include <fstream>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "base/settings.h"
#include "recipe/recipe.h"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

// The first setting in which two runs differ, as "table.key is 3, was 4"; empty when they agree.
std::string difference(const nlohmann::json& now, const nlohmann::json& before) {
  for (const auto& change : nlohmann::json::diff(before, now)) {
    std::string key = change["path"].get<std::string>().substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    const nlohmann::json::json_pointer place(change["path"].get<std::string>());
    return key + " is " + (now.contains(place) ? now[place].dump() : "absent") + ", was " +
           (before.contains(place) ? before[place].dump() : "absent");
  }
  return "";
}

// The settings of a checkpoint; those that did not exist yet when it was written had their default.
nlohmann::json settings_in(const SafetensorsFile& checkpoint) {
  auto settings = nlohmann::json::parse(checkpoint.metadata_at("settings"), nullptr, false);
  if (settings.is_discarded()) throw FileError(checkpoint.path(), "metadata is not JSON");
  if (settings.is_object() && settings.contains("recipe"))
    settings["recipe"] =
        to_json(recipe_from_json(settings["recipe"], checkpoint.path().string() + ": settings"));
  return settings;
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
  Loop(Trainer& trainer, const TrainingRun& run)
      : trainer_(trainer),
        run_(run),
        checkpoint_(run.folder / "training" / "checkpoint.safetensors"),
        good_(run.folder / "training" / "good.safetensors"),
        metrics_(run.folder / "metrics.jsonl") {}

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
    fs::create_directories(run_.folder / "training");
    fs::remove(metrics_);
    fs::remove(good_);
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
    log_ << nlohmann::json{{"step", step_}, {"seconds", seconds()}, {kind, values}}.dump() << '\n'
         << std::flush;
    if (!log_) throw FileError(metrics_, "cannot be written: the disk may be full");
  }

  void validate() {
    valid_ = trainer_.validate();
    if (!valid_.empty()) log("valid", valid_);
  }

  void save() {
    trainer_.write_model(run_.folder);
    write_checkpoint(checkpoint_);
  }

  void write_checkpoint(const fs::path& path) {
    write_tensors(path, trainer_.state(),
                  {{"step", std::to_string(step_)},
                   {"seconds", std::to_string(seconds())},
                   {"seed", std::to_string(run_.seed)},
                   {"valid", valid_.dump()},
                   {"settings", run_.settings.dump()}});
  }

  // The checkpoint under a second name, which stays when the first gets the next one: a link, or a
  // copy where the file system has no links.
  void keep_as_good() {
    const fs::path fresh = good_.string() + ".new";
    std::error_code no_link;
    fs::remove(fresh);
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
    if (!run_.resume)
      throw Error(
          run_.folder.string() +
          " already holds a training run: add --resume to go on with it, or name another --out");
    const auto file = SafetensorsFile::open(checkpoint_);
    if (const auto what = difference(run_.settings, settings_in(file)); !what.empty())
      throw Error(run_.folder.string() + " was trained with other settings: " + what);
    check_seed(file, run_.folder);
    seconds_before_ = load(file, checkpoint_);
    // What was under way when the run was killed.
    if (is_scheduled() && trainer_.healthy()) keep_as_good();
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
  fs::path checkpoint_, good_, metrics_;
  std::ofstream log_;
  std::int64_t step_ = 0;
  double seconds_before_ = 0;
  nlohmann::json valid_ = nlohmann::json::object();
  Progress::Values values_;  // last reported
  Clock::time_point start_;
};

}  // namespace

nlohmann::json run_training(Trainer& trainer, const TrainingRun& run) {
  return Loop(trainer, run).run();
}

}  // namespace tessera
