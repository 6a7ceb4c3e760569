#pragma once

#include <string_view>

#include "base/files.h"

namespace tessera {

/// Reads a study's results.json, and fits.json and findings.json where they are, and writes
/// report.html, one page that needs nothing else, and figures/*.svg into the same folder.
/// `plotting_library` is JavaScript that defines `Plotly` (plotting/plotting_library.h).
/// Throws FileError naming the file that is missing or malformed; pictures that are missing are
/// named on the page.
void write_study_report(const fs::path& study, std::string_view plotting_library);

}  // namespace tessera
