#pragma once

#include <string>

namespace tessera {

/// How the scale of classifier-free guidance runs along an image's tokens.
struct GuidanceSchedule {
  enum class Kind { constant, interval, power_cosine };
  Kind kind = Kind::constant;
  double begin = 0, end = 1;  ///< interval: shares of the tokens, begin <= position / T < end
  double power = 1;           ///< power_cosine: the larger, the later the scale rises

  /// The scale at token `position` of `positions`; 1 is no guidance.
  ///   constant:     cfg
  ///   interval:     cfg inside, 1 outside. "interval:0:F" is LlamaGen's cfg_interval of F T - 2
  ///                 steps (it counts from the second token and includes the last).
  ///   power_cosine: 1 + (cfg - 1) (1 - cos(pi (position / T)^P)) / 2, from 1 to nearly cfg, as in
  ///                 MDT (arXiv 2303.14389) and RAR (arXiv 2411.00776).
  double scale(double cfg, int position, int positions) const;
};

/// Reads "constant", "interval:A:B" (0 <= A < B <= 1) or "power-cosine:P" (P > 0). Throws Error
/// about `where` for anything else.
GuidanceSchedule parse_guidance_schedule(const std::string& text, const std::string& where);

}  // namespace tessera
