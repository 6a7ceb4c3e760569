// tokenizer/ is stage 1: encoder, quantizer, decoder, the causal regularizer, their losses and
// trainer. Modules have LlamaGen's tensor names (docs/formats/model-folder.md), so published
// checkpoints fit.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace tessera {

constexpr int kNormGroups = 32;

/// GroupNorm(32, eps 1e-6), optionally followed by SiLU.
class NormImpl : public torch::nn::Module {
 public:
  explicit NormImpl(int channels, bool silu);
  torch::Tensor forward(const torch::Tensor& x);  ///< [B, C, H, W] -> the same

 private:
  bool silu_;
  torch::Tensor weight, bias;
};
TORCH_MODULE(Norm);

/// A convolution with stride 1 that keeps height and width.
torch::nn::Conv2d same_size_conv(int in_channels, int out_channels, int kernel);

/// Two 3x3 convolutions with norms before them, added to a shortcut.
class ResidualBlockImpl : public torch::nn::Module {
 public:
  ResidualBlockImpl(int in_channels, int out_channels);
  torch::Tensor forward(const torch::Tensor& x);  ///< [B, in, H, W] -> [B, out, H, W]

 private:
  Norm norm1_, norm2_;
  torch::nn::Conv2d conv1_, conv2_, shortcut_{nullptr};
};
TORCH_MODULE(ResidualBlock);

/// Single-head self-attention over all positions of the grid, added to its input.
class AttentionBlockImpl : public torch::nn::Module {
 public:
  explicit AttentionBlockImpl(int channels);
  torch::Tensor forward(const torch::Tensor& x);  ///< [B, C, H, W] -> the same

 private:
  Norm norm_;
  torch::nn::Conv2d query_, key_, value_, output_;
};
TORCH_MODULE(AttentionBlock);

/// Halves height and width: pads right and bottom by one, then a 3x3 convolution with stride 2.
class DownsampleImpl : public torch::nn::Module {
 public:
  explicit DownsampleImpl(int channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_;
};
TORCH_MODULE(Downsample);

/// Doubles height and width: repeats each pixel, then a 3x3 convolution.
class UpsampleImpl : public torch::nn::Module {
 public:
  explicit UpsampleImpl(int channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_;
};
TORCH_MODULE(Upsample);

/// The blocks of one resolution: residual blocks, each followed by attention if `attention`.
class LevelImpl : public torch::nn::Module {
 public:
  LevelImpl(int in_channels, int out_channels, int blocks, bool attention);
  void add_downsample(int channels);
  void add_upsample(int channels);
  torch::Tensor forward(torch::Tensor x);

 private:
  std::vector<ResidualBlock> residual_;
  std::vector<AttentionBlock> attention_;
  Downsample downsample_{nullptr};
  Upsample upsample_{nullptr};
};
TORCH_MODULE(Level);

/// Residual, attention, residual: what encoder and decoder share at the lowest resolution.
class MiddleImpl : public torch::nn::Module {
 public:
  explicit MiddleImpl(int channels);
  torch::Tensor forward(torch::Tensor x);

 private:
  ResidualBlock first_, last_;
  AttentionBlock attention_;
};
TORCH_MODULE(Middle);

}  // namespace tessera
