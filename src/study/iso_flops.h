#pragma once

#include <vector>

#include "study/row.h"

namespace tessera {

/// A size of generator at some compute of its training.
struct IsoPlace {
  std::string generator;
  std::int64_t parameters = 0;
  double value = 0;  ///< mean over seeds
  int seeds = 0;     ///< whose points lie on both sides of that compute
};

/// What each generator makes of `flops` of its own training, smallest generator first: between a
/// run's two neighbouring points, in proportion to ln FLOPs; a run that has none on one side is
/// left out. `rows` are of one design, whose tokenizer costs the same beside each of them.
std::vector<IsoPlace> iso_flops_curve(const std::vector<StudyRow>& rows, const std::string& metric,
                                      double flops);

/// Round numbers, ten to a power of ten (Renard's), the same for every design: those where at least
/// two generators can be compared. `rows` are of one design.
std::vector<double> iso_flops_levels(const std::vector<StudyRow>& rows, const std::string& metric);

}  // namespace tessera
