#pragma once

#include <vector>

#include "study/row.h"

namespace tessera {

/// The rows that no other beats: less compute of both stages goes with a worse value. Indices, by
/// rising compute; rows without the metric are never among them, and of equal rows the first is.
std::vector<std::size_t> pareto_front(const std::vector<StudyRow>& rows, const std::string& metric);

}  // namespace tessera
