#pragma once

#include <string_view>

namespace tessera {

/// The report's own style and script, src/study/page/report.css and report.js, as the build embeds
/// them.
std::string_view report_style();
std::string_view report_script();

}  // namespace tessera
