#include "tokenizer/encoder_decoder.h"

#include "training/recompute.h"

namespace tessera {
namespace {

torch::Tensor through(Level& level, const torch::Tensor& x, bool again) {
  if (!again) return level(x);
  const auto body = [level](const torch::Tensor& in) mutable { return level(in); };
  return recompute(body, x, level->parameters());
}

}  // namespace

EncoderImpl::EncoderImpl(const TokenizerConfig& config)
    : stem_(same_size_conv(3, config.channels, 3)) {
  register_module("conv_in", stem_);
  auto blocks = register_module("conv_blocks", torch::nn::ModuleList());
  int channels = config.channels;
  for (std::size_t level = 0; level < config.multipliers.size(); ++level) {
    const bool lowest = level + 1 == config.multipliers.size();
    const int wider = config.channels * config.multipliers[level];
    levels_.emplace_back(channels, wider, config.encoder_blocks, lowest);
    channels = wider;
    if (!lowest) levels_.back()->add_downsample(channels);
    blocks->push_back(levels_.back());
  }
  middle_ = register_module("mid", Middle(channels));
  norm_ = register_module("norm_out", Norm(channels, true));
  to_latents_ = register_module("conv_out", same_size_conv(channels, config.latent_channels, 3));
}

torch::Tensor EncoderImpl::forward(torch::Tensor x) {
  x = stem_(x);                // [B, C, H, W]
  for (auto& level : levels_)  // H and W halve after each but the last
    x = through(level, x, recompute_);
  return to_latents_(norm_(middle_(x)));  // [B, latent_channels, H/f, W/f]
}

DecoderImpl::DecoderImpl(const TokenizerConfig& config) {
  const int width = config.decoder_width();
  int channels = width * config.multipliers.back();
  stem_ = register_module("conv_in", same_size_conv(config.latent_channels, channels, 3));
  middle_ = register_module("mid", Middle(channels));
  auto blocks = register_module("conv_blocks", torch::nn::ModuleList());
  for (std::size_t level = config.multipliers.size(); level-- > 0;) {
    const bool lowest = level + 1 == config.multipliers.size();
    const int narrower = width * config.multipliers[level];
    levels_.emplace_back(channels, narrower, config.decoder_blocks, lowest);
    channels = narrower;
    if (level > 0) levels_.back()->add_upsample(channels);
    blocks->push_back(levels_.back());
  }
  norm_ = register_module("norm_out", Norm(channels, true));
  to_pixels_ = register_module("conv_out", same_size_conv(channels, 3, 3));
}

torch::Tensor DecoderImpl::forward(torch::Tensor x) {
  x = middle_(stem_(x));       // [B, C, h, w]
  for (auto& level : levels_)  // h and w double after each but the last
    x = through(level, x, recompute_);
  return to_pixels_(norm_(x));  // [B, 3, h f, w f]
}

}  // namespace tessera
