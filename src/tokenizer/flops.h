#pragma once

#include <cstdint>

#include "recipe/recipe.h"

namespace tessera {

/// Floating-point operations per image of one forward pass, counted from the architecture: two per
/// multiply-add of every convolution and matrix product; norms, activations and arithmetic on
/// pixels are left out, and so is a perceptual network of `train features`, whose shape no recipe
/// knows.
struct TokenizerFlops {
  double encoder = 0;            ///< with the projection to codes
  double quantizer = 0;          ///< distances to every code
  double decoder = 0;            ///< with the projection from codes
  double regularizer = 0;        ///< the causal transformer; 0 when its weight is 0
  double regularizer_codes = 0;  ///< its cross-entropy's distances to every code; 0 for loss l2
  double entropy_step = 0;       ///< a whole step of the entropy loss; 0 when its weight is 0
  double perceptual = 0;         ///< LPIPS; 0 when it is not used
  double discriminator = 0;      ///< 0 when adversarial_weight is 0

  double forward() const { return encoder + quantizer + decoder; }
  /// The regularizer's share of a step. Codes are constants of its cross-entropy, which so costs
  /// twice its distances: these, and the gradient of the predictions.
  double regularizer_step() const { return 3 * regularizer + 2 * regularizer_codes; }
  /// A training step per image: three times each part that learns, once what only runs forward.
  double step() const {
    return 3 * (encoder + decoder) + quantizer + regularizer_step() + entropy_step;
  }
  /// A step of the phase in which only the decoder learns.
  double decoder_only_step() const { return encoder + quantizer + 3 * decoder; }
  /// What LPIPS adds to every step: both images forward, the reconstruction's gradient back.
  double perceptual_step() const { return 3 * perceptual; }
  /// What the discriminator adds while it learns: both images forward and, with its weights, back.
  double discriminator_step() const { return 6 * discriminator; }
  /// What its opinion adds once the tokenizer feels it: forward, and back to the pixels.
  double adversarial_step() const { return 2 * discriminator; }
};

TokenizerFlops tokenizer_flops(const Recipe& recipe);

/// FLOPs of a training run of `steps`, its losses included (adaptive_weight's second way back
/// through them is not).
double tokenizer_training_flops(const Recipe& recipe, std::int64_t steps);

/// The steps this recipe takes: tokenizer_training.steps, fewer if the regularizer is on and
/// match_flops asks for the plain tokenizer's total with the same losses.
std::int64_t tokenizer_steps(const Recipe& recipe);

/// First step of the phase in which only the decoder learns; `steps` if there is none.
std::int64_t decoder_only_start(const Recipe& recipe, std::int64_t steps);

/// Parameters of the tokenizer (the regularizer is not part of it).
std::int64_t tokenizer_parameters(const TokenizerConfig& config);

}  // namespace tessera
