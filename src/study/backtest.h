#pragma once

#include <nlohmann/json.hpp>

#include "study/row.h"
#include "study/scaling_law.h"

namespace tessera {

/// How far advice can be trusted: leaves the generators' largest compute of each design out, where
/// its curve ends (design_fits.h), predicts it from the rest and compares with what was measured
/// there. docs/formats/study.md says what it returns; intervals are of single runs, errors
/// relative.
nlohmann::json back_test(const std::vector<StudyRow>& rows, const std::vector<std::string>& metrics,
                         const BootstrapOptions& options);

}  // namespace tessera
