#pragma once

#include "recipe/tokenizer_config.h"
#include "tokenizer/blocks.h"

namespace tessera {

/// Pixels to a grid of latent vectors.
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const TokenizerConfig& config);
  torch::Tensor forward(torch::Tensor x);  ///< [B, 3, H, W] -> [B, latent_channels, H/f, W/f]
  void recompute_levels(bool on) { recompute_ = on; }  ///< see VqModelImpl

 private:
  torch::nn::Conv2d stem_, to_latents_{nullptr};
  std::vector<Level> levels_;
  bool recompute_ = false;
  Middle middle_{nullptr};
  Norm norm_{nullptr};
};
TORCH_MODULE(Encoder);

/// A grid of latent vectors to pixels.
class DecoderImpl : public torch::nn::Module {
 public:
  explicit DecoderImpl(const TokenizerConfig& config);
  torch::Tensor forward(torch::Tensor x);  ///< [B, latent_channels, h, w] -> [B, 3, h f, w f]
  void recompute_levels(bool on) { recompute_ = on; }  ///< see VqModelImpl
  torch::Tensor last_layer() const { return to_pixels_->weight; }

 private:
  torch::nn::Conv2d stem_{nullptr}, to_pixels_{nullptr};
  std::vector<Level> levels_;
  bool recompute_ = false;
  Middle middle_{nullptr};
  Norm norm_{nullptr};
};
TORCH_MODULE(Decoder);

}  // namespace tessera
