#pragma once

#include <torch/torch.h>

namespace tessera {

/// Mean cross-entropy, in nats, of code indices given predicted points in code space: a mixture of
/// equal Gaussians around the codes.
///
///   L = mean_n -log softmax_k(-precision ||o_n - e_k||^2)[c_n]
///
/// `predicted` [N, C] and `precision` [] get their exact gradients; `codebook` [V, C] is a constant
/// and the indices `codes` [N] int64 have none. No more than three slices (kSliceBytes) of the
/// [N, V] logits are ever in memory: the gradients are taken in the forward pass, while each is
/// there.
torch::Tensor code_cross_entropy(const torch::Tensor& predicted, const torch::Tensor& precision,
                                 const torch::Tensor& codebook, const torch::Tensor& codes);

}  // namespace tessera
