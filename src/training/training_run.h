#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/progress.h"
#include "training/diverged.h"
#include "training/training_folder.h"
#include "training/weights.h"

namespace tessera {

/// What the loop asks of a trainer. Step `step` may depend on nothing but the state, the seed and
/// `step`, so that a resumed run is the run that was never stopped.
class Trainer {
 public:
  virtual ~Trainer() = default;
  /// One optimizer step. Returns every loss term by name when `report` is set (reading them costs a
  /// little). Throws Diverged when training has gone wrong.
  virtual Progress::Values step(std::int64_t step, bool report) = 0;
  /// Measurements on held-out data, as a JSON object; empty when there is none.
  virtual nlohmann::json validate() = 0;
  /// Everything needed to go on: weights, optimizer, counters.
  virtual TensorMap state() const = 0;
  virtual void load_state(const TensorMap& state, const std::string& where) = 0;
  /// Writes config.json and model.safetensors.
  virtual void write_model(const fs::path& folder) const = 0;

  /// Whether the present state is one to come back to, should a later step throw Diverged. False,
  /// the default, is a trainer that knows no remedy.
  virtual bool healthy() const { return false; }
  /// Called after the loop has gone back to a good state because step `step` threw `cause`: lowers
  /// what brought it about, in the state, and says what. Throws Error when it gives up.
  virtual std::string recover(const Diverged& cause, std::int64_t) { throw cause; }
};

struct TrainingRun {
  std::string stage;  ///< shown by the progress line
  fs::path folder;  ///< model folder; training/checkpoint.safetensors and metrics.jsonl live in it
  nlohmann::json settings;                 ///< must be the same when a run is resumed
  std::vector<std::string> free_settings;  ///< of these, JSON pointers to what may differ
  nlohmann::json images;       ///< identity_of() the training images; null: settings say it all
  std::string device = "cpu";  ///< recorded
  bool resume = false;
  bool quiet = false;
  std::uint64_t seed = 0;
  std::int64_t steps = 0;
  int log_every = 20, valid_every = 500, checkpoint_every = 500;
  int items_per_step = 1;  ///< images or sequences, for the rate
  fs::path branch_of;      ///< folder of the run whose checkpoint this one begins from; empty: none
  /// Throws Error unless this run, too, would have come to where one with these settings was after
  /// `step` steps. Needed where branch_of is.
  std::function<void(const nlohmann::json& settings, std::int64_t step)> check_branch = {};
};

/// Runs until `steps`, logging, validating and checkpointing; Ctrl-C, SIGTERM and SIGHUP write a
/// checkpoint and throw Interrupted. `folder` is that of `run`. When a step throws Diverged, it
/// goes back to training/good.safetensors, the last checkpoint (or beginning) at which the trainer
/// was healthy, and on from there with what Trainer::recover lowered. Returns {"steps", "seconds",
/// "valid": last validation}. Throws Error when the folder holds a run with other settings or
/// images, or when training has diverged and there is no remedy. Warns when the run goes on with
/// another number of threads or on another processor, so that its bits may not be those of a run
/// that was never stopped.
nlohmann::json run_training(Trainer& trainer, const TrainingRun& run, const TrainingFolder& folder);

/// The same in a folder that is taken here.
nlohmann::json run_training(Trainer& trainer, const TrainingRun& run);

}  // namespace tessera
