#pragma once

#include <nlohmann/json.hpp>

#include "study/design_fits.h"

namespace tessera {

/// Lists of fits.json (docs/formats/study.md).
struct Comparisons {
  nlohmann::json ratios = nlohmann::json::array(), crossovers = nlohmann::json::array();
};

/// Ratios of compute and crossovers of the designs that have a sweep in common and whose values can
/// be compared, each pair by fits to the generators that both have.
Comparisons compare_designs(const std::vector<DesignFit>& designs, const std::string& metric,
                            const BootstrapOptions& options);

}  // namespace tessera
