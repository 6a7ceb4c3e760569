#pragma once

#include <cmath>
#include <numbers>

#include "base/random.h"

namespace tessera {

/// A standard normal number (Box and Muller 1958).
inline double normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

}  // namespace tessera
