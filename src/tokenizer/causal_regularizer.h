#pragma once

#include <torch/torch.h>

#include "recipe/recipe.h"
#include "tokenizer/quantizer.h"

namespace tessera {

/// One pre-norm transformer layer with causal attention.
class CausalLayerImpl : public torch::nn::Module {
 public:
  CausalLayerImpl(int width, int heads);
  torch::Tensor forward(torch::Tensor x);  ///< [B, T, width] -> the same

 private:
  int heads_;
  torch::nn::LayerNorm attention_norm_, feed_forward_norm_;
  torch::nn::Linear qkv_, output_, expand_, contract_;
};
TORCH_MODULE(CausalLayer);

/// The causal regularizer of CRT (arXiv 2412.16326): a small causal transformer f predicts each
/// latent of the raster from those before it, and its error is a loss of the encoder too. Thrown
/// away after training.
///
///   l2:             L = mean_t>0 || f(z_<t) - z_t ||^2 / dim(z)   (the paper; reduction sum leaves
///                   out dim(z))
///                   L / Var(z), Var(z) = mean || z - mean(z) ||^2 / dim(z)   (variance_normalised:
///                   no gain from bunching the latents)
///   cross_entropy:  L = mean_t>0 -log softmax_k(-s || f(z_<t) - e_k ||^2)[c_t],  in nats
///                   s = exp(sharpness) / (2 Var(e))
///
/// Cross-entropy is the paper's ablation: f points into code space and is judged by the index c_t
/// of the code that follows, as the generator will be. Its precision s is learnt, in units of the
/// codebook's own variance: it starts from Gaussians as wide as the codebook, whatever the scale of
/// the codes. An index has no gradient, so the encoder learns from what f reads, z_<t, only: to
/// write what tells more of what follows. The codes e_k are constants of this loss: they stay where
/// their own loss or statistics put them, and it means the same for every kind of quantizer.
///
/// z is Coded::latents, projection or features, as regularizer.attach says, or Coded::quantized
/// where input or target is quantized. With order shuffled, t runs along a permutation of the
/// raster that is drawn from the seed: drawn again on resume, it is the same.
class CausalRegularizerImpl : public torch::nn::Module {
 public:
  CausalRegularizerImpl(const Recipe& recipe, std::uint64_t seed);

  /// The loss. The transformer receives its full gradient and the latents receive `weight` times
  /// theirs, so that the transformer learns at its own pace while the weight rises from 0.
  torch::Tensor forward(const Coded& coded, double weight);

  /// Predictions for positions 1 .. T-1 from positions 0 .. T-2:
  /// [B, T-1, input_channels] -> [B, T-1, output_channels].
  torch::Tensor predict(const torch::Tensor& before);

  /// What the loss is of, in the order of prediction: [B, C, h, w] -> [B, T, C].
  torch::Tensor latents(const Coded& coded, RegularizedLatents which) const;

  /// Cross-entropy of the indices of positions 1 .. T-1, given their predictions.
  torch::Tensor index_loss(const torch::Tensor& predicted, const Coded& coded);
  const torch::Tensor& sharpness() const { return sharpness_; }  ///< []; cross_entropy only

 private:
  torch::Tensor in_order(const torch::Tensor& sequence) const;  // [B, T, ...] -> the same

  RegularizerConfig config_;
  torch::Tensor order_;  // [T] int64 on the CPU, places of the raster; undefined: as they are
  torch::nn::Linear embed_, predict_;
  torch::nn::LayerNorm norm_;
  std::vector<CausalLayer> layers_;
  torch::Tensor positions, sharpness_;
};
TORCH_MODULE(CausalRegularizer);

/// The squared error of given predictions, [B, T, C] each: mean or sum over C as
/// regularizer.reduction says, divided by the targets' variance if variance_normalised.
torch::Tensor next_latent_loss(const torch::Tensor& predicted, const torch::Tensor& target,
                               const RegularizerConfig& config);

}  // namespace tessera
