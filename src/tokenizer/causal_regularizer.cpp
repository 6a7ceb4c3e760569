#include "tokenizer/causal_regularizer.h"

#include <cmath>

#include "tokenizer/code_cross_entropy.h"
#include "training/device.h"

namespace tessera {
namespace {

torch::nn::LayerNorm layer_norm(int width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));
}

// The same value, with the gradient multiplied by `factor`.
torch::Tensor scale_gradient(const torch::Tensor& x, double factor) {
  return x.detach() + factor * (x - x.detach());
}

torch::Tensor raster(const torch::Tensor& grid) {  // [B, C, h, w] -> [B, h w, C]
  return grid.flatten(2).transpose(1, 2);
}

}  // namespace

CausalLayerImpl::CausalLayerImpl(int width, int heads)
    : heads_(heads),
      attention_norm_(layer_norm(width)),
      feed_forward_norm_(layer_norm(width)),
      qkv_(width, 3 * width),
      output_(width, width),
      expand_(width, 4 * width),
      contract_(4 * width, width) {
  register_module("attention_norm", attention_norm_);
  register_module("qkv", qkv_);
  register_module("output", output_);
  register_module("feed_forward_norm", feed_forward_norm_);
  register_module("expand", expand_);
  register_module("contract", contract_);
}

torch::Tensor CausalLayerImpl::forward(torch::Tensor x) {
  const auto batch = x.size(0), length = x.size(1), width = x.size(2);
  const auto qkv = qkv_(attention_norm_(x))
                       .view({batch, length, 3, heads_, width / heads_})
                       .permute({2, 0, 3, 1, 4});  // [3, B, heads, T, D]
  const double scale = 1 / std::sqrt(static_cast<double>(width / heads_));
  const auto future = torch::ones({length, length}, x.options().dtype(torch::kBool)).triu(1);
  const auto scores = (qkv[0] * scale).matmul(qkv[1].transpose(-1, -2));  // [B, heads, T, T]
  const auto weights = scores.to(x.scalar_type()).masked_fill(future, -INFINITY).softmax(-1);
  const auto mixed = weights.to(qkv.scalar_type()).matmul(qkv[2]);  // [B, heads, T, D]
  x = x + output_(mixed.transpose(1, 2).reshape({batch, length, width}));
  return x + contract_(torch::relu(expand_(feed_forward_norm_(x))));
}

CausalRegularizerImpl::CausalRegularizerImpl(const RegularizerConfig& config, int code_size,
                                             int tokens)
    : config_(config),
      embed_(code_size, config.width),
      predict_(config.width, code_size),
      norm_(layer_norm(config.width)) {
  register_module("embed", embed_);
  positions = register_parameter("positions", 0.02 * torch::randn({tokens, config.width}));
  auto list = register_module("layers", torch::nn::ModuleList());
  for (int layer = 0; layer < config.depth; ++layer) {
    layers_.emplace_back(config.width, config.heads);
    list->push_back(layers_.back());
  }
  register_module("norm", norm_);
  register_module("predict", predict_);
  if (config.loss == RegularizerLoss::cross_entropy)
    sharpness_ = register_parameter("sharpness", torch::zeros({}));
}

torch::Tensor CausalRegularizerImpl::predict(const torch::Tensor& before) {
  auto x = embed_(before) + positions.slice(0, 0, before.size(1));
  for (auto& layer : layers_) x = layer(x);
  return predict_(norm_(x));
}

torch::Tensor CausalRegularizerImpl::forward(const Coded& coded, double weight) {
  const auto seen = [&](RegularizedLatents which) {  // [B, T, code_size]
    const bool quantized = which == RegularizedLatents::quantized;
    return raster(scale_gradient(quantized ? coded.quantized : coded.latents, weight));
  };
  const auto predicted =
      predict(seen(config_.input).slice(1, 0, -1)).to(coded.latents.scalar_type());
  if (config_.loss == RegularizerLoss::cross_entropy) return index_loss(predicted, coded);
  auto target = seen(config_.target);
  if (config_.detach_target) target = target.detach();
  return next_latent_loss(predicted, target.slice(1, 1), config_.variance_normalised);
}

torch::Tensor CausalRegularizerImpl::index_loss(const torch::Tensor& predicted,
                                                const Coded& coded) {
  const Autocast exact(false, predicted.device());
  const auto& codebook = coded.codebook;
  const auto variance = (codebook - codebook.mean(0)).square().mean();
  return code_cross_entropy(predicted.flatten(0, 1), sharpness_.exp() / (2 * variance + 1e-8),
                            codebook, coded.codes.slice(1, 1).flatten());
}

torch::Tensor next_latent_loss(const torch::Tensor& predicted, const torch::Tensor& target,
                               bool variance_normalised) {
  const auto error = (predicted - target).square().mean();
  if (!variance_normalised) return error;
  const auto variance =
      (target - target.mean(torch::IntArrayRef{0, 1}, /*keepdim=*/true)).square().mean();
  return error / (variance + 1e-8);
}

}  // namespace tessera
