#pragma once

#include <nlohmann/json.hpp>

#include "study/row.h"
#include "study/scaling_law.h"

namespace tessera {

/// How far advice can be trusted: leaves the largest compute of each design out, where its curve
/// ends (design_fits.h), predicts it from the rest and compares with what was measured there.
/// {"predictions": [{"design", "metric", "run", "point", "seed", "flops", "times_beyond",
/// "measured", "predicted": {"value", "low", "high"}, "inside"}], "left_out": [{"design", "metric",
/// "why"}], "summary": {metric: {"predictions", "inside", "share", "median_error"}}}; intervals are
/// of single runs, errors relative.
nlohmann::json back_test(const std::vector<StudyRow>& rows, const std::vector<std::string>& metrics,
                         const BootstrapOptions& options);

}  // namespace tessera
