#pragma once

#include <cstdint>

#include "recipe/generator_config.h"

namespace tessera {

/// Learning rate at `step` (0 .. steps - 1): linear warm-up, then constant with a linear fall to 0
/// over the last decay_fraction of the steps, or half a cosine to 0.
double learning_rate_at(std::int64_t step, std::int64_t steps, double peak, int warmup_steps,
                        double decay_fraction, Schedule schedule = Schedule::constant);

/// Rises smoothly from 0 at `start` to 1 at start + length: (1 - cos(pi x)) / 2.
double smooth_rise(std::int64_t step, std::int64_t start, std::int64_t length);

}  // namespace tessera
