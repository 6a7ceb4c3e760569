#pragma once

#include "base/output.h"

namespace tessera {

/// The model folder of one training run, locked by this process while the object lives. The run's
/// checkpoints are in training/, beside the model and metrics.jsonl.
class TrainingFolder {
 public:
  /// Takes the folder before any work. Throws FileError
  /// - when it cannot be written or another process is writing it,
  /// - when it holds a checkpoint and `resume` is not set,
  /// - when it holds a model or a pipeline but no checkpoint: that run is finished, or the model is
  ///   another command's.
  /// With `resume` and nothing to go on from, says that a run begins, unless `quiet`.
  TrainingFolder(const fs::path& folder, bool resume, bool quiet);

  /// As the user wrote it.
  const fs::path& path() const { return path_; }
  fs::path checkpoint() const { return path_ / "training" / "checkpoint.safetensors"; }
  /// The last checkpoint to which a run that diverges goes back.
  fs::path good() const { return path_ / "training" / "good.safetensors"; }
  fs::path metrics() const { return path_ / "metrics.jsonl"; }

  /// Marks the folder as this run's until its first checkpoint: a run that is killed before that
  /// can begin again, although its model may be there already.
  void begin() const;
  void has_checkpoint() const;

  /// Whether the folder holds a model whose training is over.
  static bool holds_finished_model(const fs::path& folder);

 private:
  static fs::path not_finished(const fs::path& folder, bool resume);
  static fs::path mark_in(const fs::path& folder) { return folder / "training" / "begun"; }

  fs::path path_;
  FolderLock lock_;
};

}  // namespace tessera
