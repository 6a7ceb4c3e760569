#pragma once

#include "tokenizer/encoder_decoder.h"
#include "tokenizer/quantizer.h"

namespace tessera {

/// Parts that do not learn. The convolution to the codes counts as encoder, the one from them as
/// decoder.
struct FrozenParts {
  bool encoder = false, quantizer = false, decoder = false;
};

/// The tokenizer's network: encoder, projection to codes, quantizer, projection back, decoder.
class VqModelImpl : public torch::nn::Module {
 public:
  explicit VqModelImpl(const TokenizerConfig& config);

  Coded encode(const torch::Tensor& images);  ///< [B, 3, H, W] in [-1, 1]
  torch::Tensor decode(
      const torch::Tensor& quantized);  ///< [B, code_size, h, w] -> [B, 3, H, W] float32
  torch::Tensor decode_codes(const torch::Tensor& codes, int rows,
                             int columns);  ///< codes [B, rows * columns]

  Quantizer& quantizer() { return quantizer_; }
  const Quantizer& quantizer() const { return quantizer_; }
  /// Weight of the decoder's last convolution (see adaptive_weight).
  torch::Tensor last_layer() const { return decoder_->last_layer(); }
  /// From here on these parts do not learn, and the others do.
  void freeze(const FrozenParts& frozen);
  /// Whether training computes each level again for its gradient instead of keeping what it
  /// computed.
  void recompute_levels(bool on);

 private:
  Encoder encoder_;
  Decoder decoder_;
  Quantizer quantizer_;
  torch::nn::Conv2d to_codes_, from_codes_;
};
TORCH_MODULE(VqModel);

}  // namespace tessera
