#include "study/report_paths.h"

#include <algorithm>

namespace tessera {

std::optional<fs::path> path_inside(const fs::path& study, const fs::path& relative) {
  std::error_code problem;
  const auto root = fs::weakly_canonical(study, problem);
  const auto path = fs::weakly_canonical(study / relative, problem);
  if (problem || relative.empty()) return {};
  if (std::ranges::mismatch(root, path).in1 != root.end()) return {};
  return path;
}

}  // namespace tessera
