#pragma once

#include <torch/torch.h>

#include <vector>

namespace tessera {

/// PatchGAN (Isola et al. 2017, arXiv 1611.07004), as taming-transformers and LlamaGen use it: each
/// number of the result says how real one patch of the image looks. `layers` convolutions of kernel
/// 4 halve the image, two more take one pixel each; BatchNorm and LeakyReLU between them. Tensors
/// have LlamaGen's names (main.0.weight, ..).
class DiscriminatorImpl : public torch::nn::Module {
 public:
  DiscriminatorImpl(int layers, int channels);

  /// [B, 3, H, W] in [-1, 1] -> logits [B, 1, H / 2^layers - 2, W / 2^layers - 2] float32, above 0
  /// for real. Under autocast convolutions run in bf16, BatchNorm in float32.
  torch::Tensor forward(const torch::Tensor& images);
  /// While frozen it passes gradients on to the images and takes none.
  void freeze(bool frozen);

 private:
  struct Block {
    torch::nn::Conv2d conv;
    torch::nn::BatchNorm2d norm{nullptr};  // the first block has none
  };
  std::vector<Block> blocks_;
  torch::nn::Conv2d to_logits_{nullptr};
};
TORCH_MODULE(Discriminator);

/// Floating-point operations of one image's forward pass: two per multiply-add.
double discriminator_flops(int layers, int channels, int image_size);

}  // namespace tessera
