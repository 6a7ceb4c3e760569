#pragma once

#include <torch/torch.h>

#include "recipe/tokenizer_config.h"

namespace tessera {

// What tokenizer (G) and discriminator (D) play for, over all patches of a batch; D gives logits
// [B, 1, h, w] float32, `real` for images and `fake` for their reconstructions. softplus(x) =
// log(1 + e^x).
//
//                  loss of G              loss of D
//   hinge          -mean fake             (mean max(0, 1 - real) + mean max(0, 1 + fake)) / 2
//   vanilla        -mean fake             (mean softplus(-real) + mean softplus(fake)) / 2
//   non_saturating mean softplus(-fake)   as vanilla
//
// hinge and vanilla are VQGAN's (Esser et al. 2021) and LlamaGen's, non_saturating is Goodfellow et
// al. 2014.

torch::Tensor generator_loss(AdversarialLoss kind, const torch::Tensor& fake);
torch::Tensor discriminator_loss(AdversarialLoss kind, const torch::Tensor& real,
                                 const torch::Tensor& fake);

/// VQGAN's adaptive weight: |d reconstruction / d last_layer| / (|d adversarial / d last_layer| +
/// 1e-4), at most 1e4. Both losses keep their graphs.
double adaptive_weight(const torch::Tensor& reconstruction, const torch::Tensor& adversarial,
                       const torch::Tensor& last_layer);

}  // namespace tessera
