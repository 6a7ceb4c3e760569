#pragma once

#include <torch/torch.h>

#include "recipe/tokenizer_config.h"
#include "training/weights.h"

namespace tessera {

struct Coded {
  torch::Tensor
      latents;  ///< [B, code_size, h, w] float32, before quantization; unit length if l2_normalised
  torch::Tensor quantized;   ///< the same shape: the nearest codes, gradient passed to latents as
                             ///< tokenizer.gradient says
  torch::Tensor codes;       ///< [B, h * w] int64, raster order
  torch::Tensor codebook;    ///< [codebook_size, code_size] that was compared with; a constant
  torch::Tensor projection;  ///< as latents, before they were normalised
  torch::Tensor features;    ///< [B, latent_channels, h, w] that were projected (VqModel::encode)
};

/// Replaces each latent by the nearest of codebook_size codes (VQ-VAE, arXiv 1711.00937;
/// l2-normalised as in ViT-VQGAN, arXiv 2110.04627). Float32 throughout. How the codes learn is up
/// to the kind: each has a file quantizer_<kind>.*.
class QuantizerImpl : public torch::nn::Module {
 public:
  Coded forward(const torch::Tensor& latents);          ///< [B, code_size, h, w]
  torch::Tensor nearest(const torch::Tensor& vectors);  ///< [N, code_size] -> [N] int64
  torch::Tensor look_up(const torch::Tensor& codes);    ///< [...] int64 -> [..., code_size]

  /// mean (sg[z] - e)^2: pulls the chosen codes towards the latents, if codes learn by gradient.
  torch::Tensor codebook_loss(const Coded& coded);
  /// mean (z - sg[e])^2: pulls the latents towards their codes.
  torch::Tensor commitment_loss(const Coded& coded);
  /// See code_entropy_loss.
  torch::Tensor entropy_loss(const Coded& coded, double temperature);

  /// Places code `rows` at `vectors` [rows, code_size].
  virtual void move_codes(const torch::Tensor& rows, const torch::Tensor& vectors);

  // Codes that learn by gradient have nothing to do here.
  /// Takes note of latents and codes of the training step under way, which may be several batches.
  virtual void observe(const Coded&) {}
  /// Ends the step: moves the codes by what was observed; does nothing if nothing was.
  virtual void update_codes() {}
  /// Training state that no model folder holds, by name; shares memory.
  virtual TensorMap statistics() const { return {}; }
  /// Restores them. Throws Error (prefixed by `where`) for one that is missing or misshapen.
  virtual void load_statistics(const TensorMap&, const std::string& /*where*/) {}

 protected:
  explicit QuantizerImpl(const TokenizerConfig& config);
  /// The codebook as the losses see it [codebook_size, code_size]: with or without a gradient.
  virtual torch::Tensor trained_codes() = 0;

  torch::nn::Embedding embedding_;

 private:
  torch::Tensor codes_now();  // as they are compared: unit rows if l2_normalised
  bool l2_normalised_;
  CodeGradient gradient_;
};
TORCH_MODULE(Quantizer);

/// The kind that tokenizer.quantizer names.
Quantizer make_quantizer(const TokenizerConfig& config);

}  // namespace tessera
