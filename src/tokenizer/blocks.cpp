#include "tokenizer/blocks.h"

#include <cmath>

#include "training/op_group_norm_silu.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

constexpr double kNormEpsilon = 1e-6;

torch::nn::Conv2d strided_conv(int channels) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, channels, 3).stride(2));
}

}  // namespace

NormImpl::NormImpl(int channels, bool silu)
    : silu_(silu),
      weight(register_parameter("weight", torch::ones({channels}))),
      bias(register_parameter("bias", torch::zeros({channels}))) {}

torch::Tensor NormImpl::forward(const torch::Tensor& x) {
  return group_norm_silu(x, weight, bias, kNormGroups, kNormEpsilon, silu_);
}

torch::nn::Conv2d same_size_conv(int in_channels, int out_channels, int kernel) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in_channels, out_channels, kernel).padding(kernel / 2));
}

ResidualBlockImpl::ResidualBlockImpl(int in_channels, int out_channels)
    : norm1_(in_channels, true),
      norm2_(out_channels, true),
      conv1_(same_size_conv(in_channels, out_channels, 3)),
      conv2_(same_size_conv(out_channels, out_channels, 3)) {
  register_module("norm1", norm1_);
  register_module("conv1", conv1_);
  register_module("norm2", norm2_);
  register_module("conv2", conv2_);
  if (in_channels != out_channels)
    shortcut_ = register_module("nin_shortcut", same_size_conv(in_channels, out_channels, 1));
}

torch::Tensor ResidualBlockImpl::forward(const torch::Tensor& x) {
  const auto residual = conv2_(norm2_(conv1_(norm1_(x))));
  return (shortcut_.is_empty() ? x : shortcut_(x)) + residual;
}

AttentionBlockImpl::AttentionBlockImpl(int channels)
    : norm_(channels, false),
      query_(same_size_conv(channels, channels, 1)),
      key_(same_size_conv(channels, channels, 1)),
      value_(same_size_conv(channels, channels, 1)),
      output_(same_size_conv(channels, channels, 1)) {
  register_module("norm", norm_);
  register_module("q", query_);
  register_module("k", key_);
  register_module("v", value_);
  register_module("proj_out", output_);
}

torch::Tensor AttentionBlockImpl::forward(const torch::Tensor& x) {
  const auto batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const auto rows =
      [&](const torch::Tensor& t) {  // [B, C, H, W] -> [B, HW, C], free if channels-last
        return t.permute({0, 2, 3, 1}).reshape({batch, height * width, channels});
      };
  const auto h = norm_(x);
  const auto query = rows(query_(h)) * (1 / std::sqrt(static_cast<double>(channels)));
  const auto scores = query.bmm(rows(key_(h)).transpose(1, 2));  // [B, HW, HW]
  const auto weights = scores.to(statistics_type(scores)).softmax(-1).to(scores.scalar_type());
  const auto mixed = weights.bmm(rows(value_(h)));  // [B, HW, C]
  return x + output_(mixed.reshape({batch, height, width, channels}).permute({0, 3, 1, 2}));
}

DownsampleImpl::DownsampleImpl(int channels) : conv_(strided_conv(channels)) {
  register_module("conv", conv_);
}

torch::Tensor DownsampleImpl::forward(const torch::Tensor& x) {
  return conv_(torch::constant_pad_nd(x, {0, 1, 0, 1}));
}

UpsampleImpl::UpsampleImpl(int channels) : conv_(same_size_conv(channels, channels, 3)) {
  register_module("conv", conv_);
}

torch::Tensor UpsampleImpl::forward(const torch::Tensor& x) {
  return conv_(torch::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

LevelImpl::LevelImpl(int in_channels, int out_channels, int blocks, bool attention) {
  auto residual = register_module("res", torch::nn::ModuleList());
  for (int block = 0; block < blocks; ++block) {
    residual_.emplace_back(block == 0 ? in_channels : out_channels, out_channels);
    residual->push_back(residual_.back());
  }
  if (!attention) return;
  auto list = register_module("attn", torch::nn::ModuleList());
  for (int block = 0; block < blocks; ++block) {
    attention_.emplace_back(out_channels);
    list->push_back(attention_.back());
  }
}

void LevelImpl::add_downsample(int channels) {
  downsample_ = register_module("downsample", Downsample(channels));
}

void LevelImpl::add_upsample(int channels) {
  upsample_ = register_module("upsample", Upsample(channels));
}

torch::Tensor LevelImpl::forward(torch::Tensor x) {
  for (std::size_t block = 0; block < residual_.size(); ++block) {
    x = residual_[block](x);
    if (!attention_.empty()) x = attention_[block](x);
  }
  if (!downsample_.is_empty()) x = downsample_(x);
  if (!upsample_.is_empty()) x = upsample_(x);
  return x;
}

MiddleImpl::MiddleImpl(int channels)
    : first_(channels, channels), last_(channels, channels), attention_(channels) {
  register_module("0", first_);
  register_module("1", attention_);
  register_module("2", last_);
}

torch::Tensor MiddleImpl::forward(torch::Tensor x) { return last_(attention_(first_(x))); }

}  // namespace tessera
