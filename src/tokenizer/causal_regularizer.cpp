#include "tokenizer/causal_regularizer.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
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

constexpr std::uint64_t kOrderStream = 0x6f72646572;  // apart from other uses of the run's seed

torch::Tensor random_order(int tokens, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(tokens));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(mix({seed, kOrderStream}));
  shuffle(order, rng);
  return torch::tensor(order, torch::kInt64);
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

CausalRegularizerImpl::CausalRegularizerImpl(const Recipe& recipe, std::uint64_t seed)
    : config_(recipe.regularizer),
      embed_(config_.input_channels(recipe.tokenizer), config_.width),
      predict_(config_.width, config_.output_channels(recipe.tokenizer)),
      norm_(layer_norm(config_.width)) {
  const int tokens = recipe.tokens_per_image();
  register_module("embed", embed_);
  positions = register_parameter("positions", 0.02 * torch::randn({tokens, config_.width}));
  auto list = register_module("layers", torch::nn::ModuleList());
  for (int layer = 0; layer < config_.depth; ++layer) {
    layers_.emplace_back(config_.width, config_.heads);
    list->push_back(layers_.back());
  }
  register_module("norm", norm_);
  register_module("predict", predict_);
  if (config_.loss == RegularizerLoss::cross_entropy)
    sharpness_ = register_parameter("sharpness", torch::zeros({}));
  if (config_.order == RegularizerOrder::shuffled) order_ = random_order(tokens, seed);
}

torch::Tensor CausalRegularizerImpl::in_order(const torch::Tensor& sequence) const {
  return order_.defined() ? sequence.index_select(1, order_.to(sequence.device())) : sequence;
}

torch::Tensor CausalRegularizerImpl::latents(const Coded& coded, RegularizedLatents which) const {
  if (which == RegularizedLatents::quantized) return in_order(raster(coded.quantized));
  torch::Tensor grid;
  switch (config_.attach) {
    case RegularizerAttach::code:
      grid = coded.latents;
      break;
    case RegularizerAttach::projection:
      grid = coded.projection;
      break;
    case RegularizerAttach::features:
      grid = coded.features.to(coded.latents.scalar_type());  // from bf16 under autocast
      break;
  }
  return in_order(raster(grid));
}

torch::Tensor CausalRegularizerImpl::predict(const torch::Tensor& before) {
  auto x = embed_(before) + positions.slice(0, 0, before.size(1));
  for (auto& layer : layers_) x = layer(x);
  return predict_(norm_(x));
}

torch::Tensor CausalRegularizerImpl::forward(const Coded& coded, double weight) {
  const auto seen = [&](RegularizedLatents which) {  // [B, T, C]
    return scale_gradient(latents(coded, which), weight);
  };
  const auto input = seen(config_.input);
  const auto predicted = predict(input.slice(1, 0, -1)).to(input.scalar_type());
  if (config_.loss == RegularizerLoss::cross_entropy) return index_loss(predicted, coded);
  auto target = seen(config_.target);
  if (config_.detach_target) target = target.detach();
  return next_latent_loss(predicted, target.slice(1, 1), config_);
}

torch::Tensor CausalRegularizerImpl::index_loss(const torch::Tensor& predicted,
                                                const Coded& coded) {
  const Autocast exact(false, predicted.device());
  const auto& codebook = coded.codebook;
  const auto variance = (codebook - codebook.mean(0)).square().mean();
  return code_cross_entropy(predicted.flatten(0, 1), sharpness_.exp() / (2 * variance + 1e-8),
                            codebook, in_order(coded.codes).slice(1, 1).flatten());
}

torch::Tensor next_latent_loss(const torch::Tensor& predicted, const torch::Tensor& target,
                               const RegularizerConfig& config) {
  const auto squares = (predicted - target).square();
  if (config.reduction == RegularizerReduction::sum) return squares.sum(-1).mean();
  const auto error = squares.mean();
  if (!config.variance_normalised) return error;
  const auto variance =
      (target - target.mean(torch::IntArrayRef{0, 1}, /*keepdim=*/true)).square().mean();
  return error / (variance + 1e-8);
}

}  // namespace tessera
