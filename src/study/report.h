#pragma once

#include <string_view>

#include "base/files.h"

namespace tessera {

/// A plotting library as the page embeds it: JavaScript that defines `Plotly` (plotting/ holds it),
/// and the text of its licence, which goes with every copy. Both empty: the page's charts are SVG.
struct PageLibrary {
  std::string_view script, license;
};

/// Reads a study's results.json, and fits.json and findings.json where they are, and writes
/// report.html, one page that needs nothing else, and figures/*.svg into the same folder.
/// Throws FileError naming the file that is missing or malformed; pictures that are missing are
/// named on the page.
void write_study_report(const fs::path& study, const PageLibrary& library);

}  // namespace tessera
