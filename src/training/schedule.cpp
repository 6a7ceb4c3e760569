#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera {

double learning_rate_at(std::int64_t step, std::int64_t steps, double peak, int warmup_steps,
                        double decay_fraction, Schedule schedule) {
  const auto now = static_cast<double>(step), all = static_cast<double>(steps);
  const double warm = warmup_steps > 0 ? std::min(1.0, (now + 1) / warmup_steps) : 1.0;
  if (schedule == Schedule::cosine) {
    const double share =
        std::clamp((now - warmup_steps) / std::max(1.0, all - warmup_steps), 0.0, 1.0);
    return peak * warm * (1 + std::cos(std::numbers::pi * share)) / 2;
  }
  const double decay_steps = decay_fraction * all;
  const double fall = decay_steps > 0 ? std::min(1.0, (all - now) / decay_steps) : 1.0;
  return peak * std::min(warm, fall);
}

double smooth_rise(std::int64_t step, std::int64_t start, std::int64_t length) {
  if (step < start) return 0;
  if (step >= start + length) return 1;
  const double share = static_cast<double>(step - start) / static_cast<double>(length);
  return (1 - std::cos(std::numbers::pi * share)) / 2;
}

}  // namespace tessera
