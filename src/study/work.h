#pragma once

#include <functional>

#include "study/claim.h"
#include "study/study_folder.h"

namespace tessera {

struct WorkOptions {
  int workers = 1;
  bool quiet = false;
  Claim::Seconds expires = Claim::kExpires, beat = Claim::kBeat;
  /// Does a run, in a process of its own, and returns what results/ID.json will hold. Started again
  /// after it was killed, it goes on where it was.
  std::function<nlohmann::json(const PlannedRun& run)> execute;
  CostOfRun cost;  ///< for the time that is left
};

struct WorkDone {
  int done = 0;  ///< of the whole plan, by whomever
  int failed = 0, blocked = 0;
};

/// Does the runs of a plan that nobody has done, as one of any number of workers that share the
/// folder: claims the first run of the plan that is free and has what it needs, does it, leaves its
/// result and goes to the next, until there is none. So a free generator goes before the next
/// tokenizer, and a worker that finds none free takes that tokenizer. A
/// run that fails is recorded and the others go on. Throws Interrupted after Ctrl-C.
WorkDone work(const Plan& plan, const StudyFolder& folder, const WorkOptions& options);

}  // namespace tessera
