#include "tokenizer/quantizer.h"

namespace tessera {
namespace {

namespace F = torch::nn::functional;

torch::Tensor unit_length(const torch::Tensor& x, int dim) {
  return F::normalize(x, F::NormalizeFuncOptions().p(2).dim(dim));
}

}  // namespace

QuantizerImpl::QuantizerImpl(const TokenizerConfig& config)
    : l2_normalised_(config.l2_normalised), embedding_(config.codebook_size, config.code_size) {
  register_module("embedding", embedding_);
  torch::NoGradGuard no_grad;
  const double limit = 1.0 / config.codebook_size;
  embedding_->weight.uniform_(-limit, limit);
  if (l2_normalised_) embedding_->weight.copy_(unit_length(embedding_->weight, -1));
}

torch::Tensor QuantizerImpl::codes_now() {
  return l2_normalised_ ? unit_length(embedding_->weight, -1) : embedding_->weight;
}

torch::Tensor QuantizerImpl::nearest(const torch::Tensor& vectors) {
  torch::NoGradGuard no_grad;
  const auto codes = codes_now();
  // ||z - e||^2 without ||z||^2, which does not change the order.
  const auto distance = torch::addmm(codes.square().sum(1), vectors, codes.t(), 1, -2);
  return distance.argmin(1);
}

torch::Tensor QuantizerImpl::look_up(const torch::Tensor& codes) {
  return F::embedding(codes, codes_now());
}

Coded QuantizerImpl::forward(const torch::Tensor& latents) {
  const auto batch = latents.size(0), height = latents.size(2), width = latents.size(3);
  auto rows =
      latents.to(embedding_->weight.scalar_type()).permute({0, 2, 3, 1});  // [B, h, w, code_size]
  if (l2_normalised_) rows = unit_length(rows, -1);
  const auto codes = nearest(rows.reshape({-1, rows.size(3)})).view({batch, height * width});
  const auto chosen = look_up(codes).view_as(rows).detach();
  const auto quantized = rows + (chosen - rows).detach();  // straight-through
  return {rows.permute({0, 3, 1, 2}), quantized.permute({0, 3, 1, 2}), codes};
}

torch::Tensor QuantizerImpl::codebook_loss(const Coded& coded) {
  const auto rows = coded.latents.permute({0, 2, 3, 1});
  return torch::mse_loss(look_up(coded.codes).view_as(rows), rows.detach());
}

torch::Tensor QuantizerImpl::commitment_loss(const Coded& coded) {
  const auto rows = coded.latents.permute({0, 2, 3, 1});
  return torch::mse_loss(rows, look_up(coded.codes).view_as(rows).detach());
}

void QuantizerImpl::move_codes(const torch::Tensor& rows, const torch::Tensor& vectors) {
  torch::NoGradGuard no_grad;
  embedding_->weight.index_copy_(0, rows, vectors.to(embedding_->weight.scalar_type()));
}

}  // namespace tessera
