#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "study/row.h"
#include "study/sweep.h"

namespace tessera {

/// A mean with its two-sided 95% interval by Student's t, over `pairs` values.
struct MeanInterval {
  double value = 0, low = 0, high = 0;
  int pairs = 0;
};

/// Throws Error for fewer than two values, which have no spread.
MeanInterval mean_interval(const std::vector<double>& values);

/// Decides a finding by its rule. For each seed, the metric of `design` minus that of `reference`
/// is averaged over all pairs of rows that are equal in sweep, generator and steps; the interval is
/// over seeds, since runs of one seed share a tokenizer. Reproduced: the whole interval lies on the
/// claimed side of the margin; not reproduced: on the other; else not decidable at this scale.
/// `fits` are fits.json's, for kinds ratio and crossover. Returns findings.json's entry.
nlohmann::json decide(const FindingRule& rule, const std::vector<StudyRow>& rows,
                      const nlohmann::json& fits);

/// findings.json of a study: the rules of study.json, or of study.toml where there is none, decided
/// by results.json and fits.json.
nlohmann::json decide_findings(const fs::path& study);

}  // namespace tessera
