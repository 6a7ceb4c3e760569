#pragma once

#include "study/row.h"

namespace tessera {

/// Whether a metric of a design falls with the generator's compute, beyond what chance makes of it
/// at 5%. best_for_compute() leaves falling values of any rows, so that a test of the fitted points
/// alone would let flat noise pass, the more often the more rows there are: 26% of the time with
/// three seeds, three generators and four points. Here the fit is compared with those to the same
/// values dealt out anew among the rows of their seed.
bool falls_beyond_chance(const std::vector<StudyRow>& rows, const std::string& metric,
                         std::uint64_t seed);

}  // namespace tessera
