#include "training/training_folder.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"

namespace tessera {
namespace {

constexpr std::array<const char*, 3> kModelFiles = {"config.json", "model.safetensors",
                                                    "pipeline.json"};

bool holds_model(const fs::path& folder) {
  return std::any_of(kModelFiles.begin(), kModelFiles.end(),
                     [&](const char* file) { return fs::exists(folder / file); });
}

}  // namespace

fs::path TrainingFolder::not_finished(const fs::path& folder, bool resume) {
  if (holds_finished_model(folder))
    throw FileError(folder, resume ? "holds a model already, and no checkpoint to go on from "
                                     "(training/checkpoint.safetensors): name another --out"
                                   : "holds a model already: name another --out");
  return folder;
}

TrainingFolder::TrainingFolder(const fs::path& folder, bool resume, bool quiet)
    : path_(not_finished(folder, resume)),  // before anything in it is touched
      lock_(folder) {
  not_finished(folder, resume);
  remove_leftovers(folder / "training");
  const bool has_run = fs::exists(checkpoint());
  if (has_run && !resume)
    throw FileError(folder,
                    "already holds a training run: add --resume to go on with it, or name another "
                    "--out");
  if (!has_run && resume && !quiet)
    say(folder.string() + " holds no run to go on with: one begins");
}

void TrainingFolder::begin() const {
  write_file(mark_in(path_), "until the first checkpoint\n");
  std::error_code none;
  fs::remove(metrics(), none);
  fs::remove(good(), none);
}

void TrainingFolder::has_checkpoint() const {
  std::error_code none;
  fs::remove(mark_in(path_), none);
}

bool TrainingFolder::holds_finished_model(const fs::path& folder) {
  return holds_model(folder) && !fs::exists(folder / "training" / "checkpoint.safetensors") &&
         !fs::exists(mark_in(folder));
}

}  // namespace tessera
