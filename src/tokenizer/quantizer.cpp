#include "tokenizer/quantizer.h"

#include "tokenizer/code_distance.h"
#include "tokenizer/code_entropy.h"
#include "tokenizer/code_gradient.h"
#include "tokenizer/quantizer_ema.h"
#include "tokenizer/quantizer_vq.h"

namespace tessera {
namespace {

namespace F = torch::nn::functional;

torch::Tensor unit_length(const torch::Tensor& x, int dim) {
  return F::normalize(x, F::NormalizeFuncOptions().p(2).dim(dim));
}

torch::Tensor by_position(const torch::Tensor& grid) {  // [B, C, h, w] -> [B, h, w, C]
  return grid.permute({0, 2, 3, 1});
}

}  // namespace

QuantizerImpl::QuantizerImpl(const TokenizerConfig& config)
    : embedding_(config.codebook_size, config.code_size),
      l2_normalised_(config.l2_normalised),
      gradient_(config.gradient) {
  register_module("embedding", embedding_);
  torch::NoGradGuard no_grad;
  const double limit = 1.0 / config.codebook_size;
  embedding_->weight.uniform_(-limit, limit);
  if (l2_normalised_) embedding_->weight.copy_(unit_length(embedding_->weight, -1));
}

torch::Tensor QuantizerImpl::codes_now() {
  return l2_normalised_ ? unit_length(trained_codes(), -1) : trained_codes();
}

torch::Tensor QuantizerImpl::nearest(const torch::Tensor& vectors) {
  torch::NoGradGuard no_grad;
  return nearest_indices(vectors, codes_now());
}

torch::Tensor QuantizerImpl::look_up(const torch::Tensor& codes) {
  return F::embedding(codes, codes_now());
}

Coded QuantizerImpl::forward(const torch::Tensor& latents) {
  const auto batch = latents.size(0), height = latents.size(2), width = latents.size(3);
  const auto projection = latents.to(embedding_->weight.scalar_type());
  auto rows = by_position(projection);  // [B, h, w, code_size]
  if (l2_normalised_) rows = unit_length(rows, -1);
  const auto codebook = codes_now().detach();
  const auto codes = nearest_indices(rows.reshape({-1, rows.size(3)}), codebook);
  const auto chosen = F::embedding(codes, codebook).view_as(rows);
  const auto pass_gradient = gradient_ == CodeGradient::rotation ? rotate_onto : straight_through;
  return {rows.permute({0, 3, 1, 2}), pass_gradient(rows, chosen).permute({0, 3, 1, 2}),
          codes.view({batch, height * width}), codebook, projection};
}

torch::Tensor QuantizerImpl::codebook_loss(const Coded& coded) {
  const auto rows = by_position(coded.latents);
  return torch::mse_loss(look_up(coded.codes).view_as(rows), rows.detach());
}

torch::Tensor QuantizerImpl::commitment_loss(const Coded& coded) {
  const auto rows = by_position(coded.latents);
  return torch::mse_loss(rows, look_up(coded.codes).view_as(rows).detach());
}

torch::Tensor QuantizerImpl::entropy_loss(const Coded& coded, double temperature) {
  const auto rows = by_position(coded.latents).flatten(0, 2);  // [B h w, code_size]
  return code_entropy_loss(rows, codes_now(), temperature);
}

void QuantizerImpl::move_codes(const torch::Tensor& rows, const torch::Tensor& vectors) {
  torch::NoGradGuard no_grad;
  embedding_->weight.index_copy_(0, rows, vectors.to(embedding_->weight.scalar_type()));
}

Quantizer make_quantizer(const TokenizerConfig& config) {
  std::shared_ptr<QuantizerImpl> quantizer;
  switch (config.quantizer) {
    case QuantizerKind::vq:
      quantizer = std::make_shared<VqQuantizerImpl>(config);
      break;
    case QuantizerKind::ema:
      quantizer = std::make_shared<EmaQuantizerImpl>(config);
      break;
  }
  return quantizer;
}

}  // namespace tessera
