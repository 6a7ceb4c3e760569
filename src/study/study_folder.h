#pragma once

#include "study/plan.h"
#include "study/row.h"

namespace tessera {

/// Where things are in a study's folder (docs/formats/study.md).
class StudyFolder {
 public:
  explicit StudyFolder(fs::path root) : root_(std::move(root)) {}

  const fs::path& root() const { return root_; }
  fs::path result(const std::string& run) const { return root_ / "results" / (run + ".json"); }
  fs::path failure(const std::string& run) const { return root_ / "failed" / (run + ".json"); }
  fs::path claim(const std::string& run) const { return root_ / "claims" / run; }
  fs::path models(const std::string& run) const { return root_ / "models" / run; }

  bool is_done(const std::string& run) const { return fs::exists(result(run)); }
  /// Whether what other runs take from it is there. Results alone may have been kept.
  bool holds_models(const PlannedRun& run) const;
  /// Whether it failed, and nobody else has done it.
  bool has_failed(const PlannedRun& run) const;
  /// Whether it cannot run, since one that it needs has failed.
  bool is_blocked(const Plan& plan, const PlannedRun& run) const;

 private:
  fs::path root_;
};

/// The rows of every generator of the plan that is done and whose tokenizer's result is there. What
/// runs leave in results/ID.json is listed in experiment/study_experiment.h. A tokenizer that was
/// made again and came out otherwise holds in "replaced" what it was before; a row goes by the one
/// that its generator learnt from. Throws Error naming the file and field.
std::vector<StudyRow> collect_rows(const StudyFolder& folder, const Plan& plan);

/// results.json and index.sqlite anew, from results/.
void write_rows(const StudyFolder& folder, const Plan& plan);

}  // namespace tessera
