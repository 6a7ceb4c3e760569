#pragma once

#include <optional>

#include "base/files.h"

namespace tessera {

/// A path that a file of the study names, if it leads to a place inside the study's folder: a
/// report is sent to others, and must not take along what lies elsewhere. Links are followed.
std::optional<fs::path> path_inside(const fs::path& study, const fs::path& relative);

}  // namespace tessera
