#pragma once

#include <torch/torch.h>

namespace tessera {

/// The value of `chosen` up to rounding, with its gradient passed to `latents` unchanged (arXiv
/// 1308.3432). [.., C] each; `chosen` gets no gradient.
torch::Tensor straight_through(const torch::Tensor& latents, const torch::Tensor& chosen);

/// The value of `chosen` exactly, with its gradient carried to `latents` by the linear map that
/// takes each latent to its code, held fixed: a rotation in their plane, then a rescaling by
/// |chosen| / |latent| (the rotation trick, arXiv 2410.06424). [.., C] each; `chosen` gets no
/// gradient.
///
///   e = |e| / |z| R z,  R = I - 2 r r^T + 2 v u^T,  u = z / |z|,  v = e / |e|,
///   r = (u + v) / |u + v|
///
/// For opposite latent and code, where the plane is not defined, R reflects one onto the other.
torch::Tensor rotate_onto(const torch::Tensor& latents, const torch::Tensor& chosen);

}  // namespace tessera
