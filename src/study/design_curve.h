#pragma once

#include <optional>
#include <string>

#include "study/scaling_law.h"

namespace tessera {

/// What the training compute of both stages buys with a design, by the law fitted to it. The law is
/// one of the generator's compute: the design's tokenizer costs the same at each of its points, and
/// a power of the sum would take that constant for part of the law.
struct DesignCurve {
  std::string design;
  double tokenizer_flops = 0;
  double lowest_flops = 0, highest_flops = 0;  ///< of both stages, that were measured
  FittedLaw fit;

  double at(const ScalingLaw& law, double flops) const { return law.at(flops - tokenizer_flops); }
  double lowest_generator_flops() const { return lowest_flops - tokenizer_flops; }
  double highest_generator_flops() const { return highest_flops - tokenizer_flops; }
  /// The fitted value after so many FLOPs of both stages; more than the tokenizer's.
  Interval value_at(double flops) const;
  /// What one more run would measure there: scatter of runs included.
  Interval run_at(double flops) const;
};

}  // namespace tessera
