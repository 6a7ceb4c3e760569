#pragma once

#include <torch/torch.h>

namespace tessera {

/// The entropy loss of MaskGIT's and LlamaGen's tokenizers: how unsure a latent is of its code,
/// less how evenly the latents use all codes together; lowest, at -log V, when each latent is sure
/// and all codes are equally likely.
///
///   L = mean_n H(p_n) - H(mean_n p_n),  p_n = softmax_k(-||z_n - e_k||^2 / temperature), in nats
///
/// latents [N, C] and codebook [V, C] get their exact gradients. No more than three slices
/// (kSliceBytes) of the [N, V] matrix are ever in memory: the backward pass computes each anew.
torch::Tensor code_entropy_loss(const torch::Tensor& latents, const torch::Tensor& codebook,
                                double temperature);

}  // namespace tessera
