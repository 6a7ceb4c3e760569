#pragma once

#include <nlohmann/json.hpp>

#include "base/run_options.h"
#include "study/study_folder.h"

namespace tessera {

/// Does one run of a study in models/ID and returns what results/ID.json holds:
///   features   {"loss", "metric"}: what train_features returns
///   tokenizer  {"tokenizer", "reconstruction"}: TokenizerExperiment, with the "model"'s hash
///   generator  {"points": [{"generator", "likelihood", "generation", "samples"}]}: a
///              GeneratorExperiment for each compute point; each is a finished model, branched off
///              one run at a constant rate
/// and in all of them "run" (the plan's), its "recipe", "threads" and made_by(). `options` holds
/// threads, device and quiet.
nlohmann::json run_study_experiment(const SweepFile& file, const StudyFolder& folder,
                                    const PlannedRun& run, const RunOptions& options);

/// What decides the runs' ids besides the file. Throws Error or FileError for images and networks
/// that cannot be opened.
StudyInputs inputs_of(const SweepFile& file);

struct ImageCounts {
  double train = 0, valid = 0, held_out = 0;  ///< held_out: those that are measured

  static ImageCounts of(const SweepFile& file);
};

/// What a run takes: training, encoding and measuring, without the feature networks, whose shape no
/// recipe knows.
RunCost cost_of(const SweepFile& file, const PlannedRun& run, ImageCounts images);

}  // namespace tessera
