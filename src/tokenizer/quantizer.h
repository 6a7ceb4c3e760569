#pragma once

#include <torch/torch.h>

#include "recipe/tokenizer_config.h"

namespace tessera {

struct Coded {
  torch::Tensor
      latents;  ///< [B, code_size, h, w] float32, before quantization; unit length if l2_normalised
  torch::Tensor quantized;  ///< the same shape: the nearest codes, gradient passed straight through
                            ///< to latents
  torch::Tensor codes;      ///< [B, h * w] int64, raster order
};

/// Replaces each latent by the nearest of codebook_size codes (VQ-VAE, arXiv 1711.00937;
/// l2-normalised as in ViT-VQGAN, arXiv 2110.04627). Float32 throughout.
class QuantizerImpl : public torch::nn::Module {
 public:
  explicit QuantizerImpl(const TokenizerConfig& config);

  Coded forward(const torch::Tensor& latents);          ///< [B, code_size, h, w]
  torch::Tensor nearest(const torch::Tensor& vectors);  ///< [N, code_size] -> [N] int64
  torch::Tensor look_up(const torch::Tensor& codes);    ///< [...] int64 -> [..., code_size]

  /// mean (sg[z] - e)^2: pulls the chosen codes towards the latents.
  torch::Tensor codebook_loss(const Coded& coded);
  /// mean (z - sg[e])^2: pulls the latents towards their codes.
  torch::Tensor commitment_loss(const Coded& coded);

  /// Places code `rows` at `vectors` [rows, code_size].
  void move_codes(const torch::Tensor& rows, const torch::Tensor& vectors);

 private:
  torch::Tensor codes_now();  // the codebook as it is compared: unit rows if l2_normalised
  bool l2_normalised_;
  torch::nn::Embedding embedding_;
};
TORCH_MODULE(Quantizer);

}  // namespace tessera
