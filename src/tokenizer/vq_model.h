#pragma once

#include "tokenizer/encoder_decoder.h"
#include "tokenizer/quantizer.h"

namespace tessera {

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
  /// Encoder, projection and codebook learn only while not frozen; the decoder always does.
  void freeze_codes(bool frozen);

 private:
  Encoder encoder_;
  Decoder decoder_;
  Quantizer quantizer_;
  torch::nn::Conv2d to_codes_, from_codes_;
};
TORCH_MODULE(VqModel);

}  // namespace tessera
