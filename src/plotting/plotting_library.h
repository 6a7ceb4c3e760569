// plotting/ holds the plotting library of the report's page, which the build embeds: plotly.js, in
// the version and with the hash that package-lock.json pins. Both texts are empty in a build
// without it.
#pragma once

#include <string_view>

namespace tessera {

/// JavaScript that defines `Plotly`.
std::string_view plotting_library();
/// The text that has to go with it.
std::string_view plotting_license();

}  // namespace tessera
