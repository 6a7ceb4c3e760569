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

TrainingFolder::TrainingFolder(const fs::path& folder, bool resume, bool quiet)
    : path_(folder), lock_(folder) {
  remove_leftovers(folder / "training");
  if (fs::exists(checkpoint())) {
    if (!resume)
      throw FileError(folder,
                      "already holds a training run: add --resume to go on with it, or name "
                      "another --out");
    return;
  }
  if (holds_finished_model(folder))
    throw FileError(folder, resume ? "holds a model already, and no checkpoint to go on from "
                                     "(training/checkpoint.safetensors): name another --out"
                                   : "holds a model already: name another --out");
  if (resume && !quiet) say(folder.string() + " holds no run to go on with: one begins");
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
