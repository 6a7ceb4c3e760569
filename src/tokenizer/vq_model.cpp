#include "tokenizer/vq_model.h"

#include "training/device.h"

namespace tessera {

VqModelImpl::VqModelImpl(const TokenizerConfig& config)
    : encoder_(config),
      decoder_(config),
      quantizer_(make_quantizer(config)),
      to_codes_(same_size_conv(config.latent_channels, config.code_size, 1)),
      from_codes_(same_size_conv(config.code_size, config.latent_channels, 1)) {
  register_module("encoder", encoder_);
  register_module("decoder", decoder_);
  register_module("quantize", quantizer_);
  register_module("quant_conv", to_codes_);
  register_module("post_quant_conv", from_codes_);
  to(torch::kFloat32);
}

Coded VqModelImpl::encode(const torch::Tensor& images) {
  const auto features = encoder_(images);
  const auto projection = to_codes_(features);
  const Autocast exact(false, images.device());
  auto coded = quantizer_(projection);
  coded.features = features;
  return coded;
}

torch::Tensor VqModelImpl::decode(const torch::Tensor& quantized) {
  return decoder_(from_codes_(quantized)).to(from_codes_->weight.scalar_type());
}

torch::Tensor VqModelImpl::decode_codes(const torch::Tensor& codes, int rows, int columns) {
  const auto vectors = quantizer_->look_up(codes);  // [B, T, code_size]
  return decode(vectors.view({codes.size(0), rows, columns, -1}).permute({0, 3, 1, 2}));
}

void VqModelImpl::freeze(const FrozenParts& frozen) {
  const auto set = [](const torch::nn::Module& module, bool learns) {
    for (auto& parameter : module.parameters()) parameter.set_requires_grad(learns);
  };
  set(*encoder_, !frozen.encoder);
  set(*to_codes_, !frozen.encoder);
  set(*quantizer_, !frozen.quantizer);
  set(*from_codes_, !frozen.decoder);
  set(*decoder_, !frozen.decoder);
}

void VqModelImpl::recompute_levels(bool on) {
  encoder_->recompute_levels(on);
  decoder_->recompute_levels(on);
}

}  // namespace tessera
